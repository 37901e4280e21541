"""What an invocation of pytest is for: a gate, a listing, or something else than checks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.pytest_internals import typed_options
from harness.run.pytest_process import CHECKS, ROOT, SETTINGS

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    import pytest

_HOOKS = "harness.pytest_plugin.hooks"  # conftest.py registers it, and all others with it
_LISTINGS = {
    "help": "--help",
    "version": "--version",
    "markers": "--markers",
    "showfixtures": "--fixtures",
    "show_fixtures_per_test": "--fixtures-per-test",
    "collectonly": "--collect-only",
    "setupplan": "--setup-plan",
    "cacheshow": "--cache-show",
}
_OWN = ("env", "environments", "posts", "burst", "revision", "source", "read_only", "allow_many", "report_dir", "judge")


def listing(option: Namespace) -> str:
    """The option that lets pytest list something and run nothing, "" where there is none."""
    return next((word for name, word in _LISTINGS.items() if getattr(option, name, None)), "")


def folder_of(config: pytest.Config) -> Path:
    """Where `environments.yaml` and `reports/` are, unless told otherwise.

    That is the checkout for a `pytest` in it, and the working directory for `chatbots-smoke`.
    """
    return config.invocation_params.dir if config.inipath == SETTINGS else ROOT


def named_paths(config: pytest.Config) -> list[Path]:
    """The files and folders that pytest was told to run."""
    return _paths(config, config.args)


def runs_checks(config: pytest.Config) -> bool:
    """Whether this invocation runs checks, rather than tests of the harness or one of pytest's listings."""
    return not listing(config.option) and _are_checks(named_paths(config))


class Intention(NamedTuple):
    """What was typed, whatever PYTEST_ADDOPTS and a configuration file add to it.

    Attributes:
        about_checks: whether it is about the checks, if only to list them.
        gate: whether it asks for a gate.
        judges: whether that gate judges a saved history.
        report_dir: its report folder, None where none was named.
    """

    about_checks: bool
    gate: bool
    judges: bool
    report_dir: Path | None


def intention_of(config: pytest.Config) -> Intention:
    """What the user typed this command for."""
    typed = typed_options(config)
    own = any(getattr(typed, name, None) for name in _OWN)
    # The value of an option that pytest does not know looks like a path, and is none.
    paths = [path for path in _paths(config, getattr(typed, "file_or_dir", ())) if path.exists()]
    here = config.invocation_params.dir.resolve()
    about_checks = own or (_are_checks(paths) if paths else here == ROOT)
    given = getattr(typed, "report_dir", None)
    return Intention(
        about_checks,
        gate=about_checks and not listing(typed),
        judges=bool(getattr(typed, "judge", None)),
        report_dir=here / given if given else None,
    )


def why_no_gate(config: pytest.Config, intention: Intention) -> str:
    """Why a gate that was asked for would not be one, "" where it is."""
    if not intention.gate:
        return ""
    unset = "; unset PYTEST_ADDOPTS, or take it out of addopts, and run again"
    if word := listing(config.option):
        return f"{word} would let the gate verify nothing; it was not typed: PYTEST_ADDOPTS or addopts adds it{unset}"
    if not runs_checks(config):
        others = ", ".join(map(str, named_paths(config)[:3]))
        return f"a gate runs the checks of {CHECKS}, and was told to run {others} instead{unset}, or name no path"
    if not config.pluginmanager.has_plugin(_HOOKS):
        return f"the checks cannot be judged without the conftest.py of {ROOT}: run without --noconftest"
    return ""


def _paths(config: pytest.Config, words: Iterable[str]) -> list[Path]:
    return [(config.invocation_params.dir / word.partition("::")[0]).resolve() for word in words]


def _are_checks(paths: Iterable[Path]) -> bool:
    return any(path in (CHECKS, *CHECKS.parents) or CHECKS in path.parents for path in paths)
