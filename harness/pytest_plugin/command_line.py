"""From the command line to a gate: which paths are checks, which options are refused, what the file configures."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness.configuration.file_limits import demand_descriptors
from harness.configuration.loading import ConfigurationError, demand_few, load
from harness.configuration.secrets import learn, secrets_of_broken
from harness.invocation import folder_of
from harness.run.gate import Gate
from harness.run.known_claims import demand_known_claims
from harness.run.settings import RunSettings

if TYPE_CHECKING:
    import pytest

    from harness.redaction.redactor import Redactor

TRIALS = "CHATBOTS_SMOKE_TRIALS"  # URLs of what is deployed for a trial; whoever deploys it sets the variable


def refuse_options(config: pytest.Config) -> None:
    """Refuse what would send POSTs twice, ask without judging, or end the process where rows could not be removed.

    Raises:
        ConfigurationError: such an option was given.
    """
    if getattr(config.option, "setuponly", False):
        raise ConfigurationError("--setup-only is refused: it would POST and judge nothing.")
    if getattr(config.option, "trace", False):
        raise ConfigurationError("--trace is refused: a check that you leave in the debugger would pass.")
    if sys.flags.optimize:
        raise ConfigurationError(
            "python -O and PYTHONOPTIMIZE are refused: they take the assertions out of the checks."
        )
    if getattr(config.option, "forked", False):
        raise ConfigurationError("--forked is refused: a check would wait in a process that knows nothing of the run.")
    if _setting(config, "timeout_method") == "thread":
        raise ConfigurationError(
            "timeout_method=thread of pytest-timeout is refused: it ends the process with exit code 1, without a "
            "verdict, and its rows are left. Take --timeout-method=signal, or the time-outs of environments.yaml."
        )
    if _setting(config, "faulthandler_exit_on_timeout"):
        raise ConfigurationError(
            "faulthandler_exit_on_timeout is refused: it ends the process with exit code 1, without a verdict, and its "
            "rows are left. Take the time-outs of environments.yaml."
        )
    asked = getattr(config.option, "numprocesses", None) or getattr(config.option, "dist", "no") != "no"
    if asked or getattr(config.option, "tx", None) or hasattr(config, "workerinput"):
        raise ConfigurationError(
            "pytest-xdist is refused: each of its workers would send all POSTs again. Run without -n; environments "
            "are examined side by side already."
        )


def _setting(config: pytest.Config, name: str) -> object:
    """A setting of a plugin, by its option or else by the configuration file; None where there is no such plugin."""
    given = getattr(config.option, name, None)
    if given is None:
        with suppress(ValueError):  # a setting that nobody knows
            given = config.getini(name)
    return given


def build_gate(config: pytest.Config, run: str, folder: Path, redact: Redactor) -> Gate:
    """The gate that the command line and the file describe; nothing is sent yet.

    Raises:
        ConfigurationError: of whatever is wrong with either.
    """
    if config.getoption("--judge"):
        return _judging_gate(config, run, folder, redact)
    given = config.getoption("--environments")
    file = config.invocation_params.dir / given if given else folder_of(config) / "environments.yaml"
    revision = config.getoption("--revision")
    if revision is not None and not revision.strip():
        raise ConfigurationError("--revision: is empty; set the variable that fills it, or leave --revision out")
    try:
        environments = load(
            file,
            config.getoption("--env") or ["preview"],
            overrides={key: config.getoption(f"--{key}") for key in ("posts", "burst", "source")},
        )
    except Exception:  # for whoever words it
        redact.add(secrets_of_broken(file, os.environ))
        raise
    if not config.getoption("--read-only") and not config.getoption("--allow-many"):
        demand_few(environments, file)
    if not config.getoption("--read-only"):
        demand_descriptors(environments)
    for environment in environments:
        if revision is not None and environment.ready.revision is None:
            raise ConfigurationError(
                f"environments.{environment.name}.ready.revision: --revision needs to know the field of the ready "
                f"page's JSON that names the revision, such as {{path: /healthz, revision: commit}}."
            )
    demand_known_claims(environments, file)
    learn(redact, environments, file, os.environ)
    read_only = config.getoption("--read-only")
    trials = frozenset(os.environ.get(TRIALS, "").split())
    settings = RunSettings(run, environments, folder, revision, read_only=read_only, trials=trials, redact=redact)
    gate = Gate(settings)
    if config.getoption("--watched"):
        from harness.run.watch_result import read_watch_result

        gate.outcomes.watched = read_watch_result(config.invocation_params.dir / config.getoption("--watched"))
    return gate


def _judging_gate(config: pytest.Config, run: str, folder: Path, redact: Redactor) -> Gate:
    from harness.configuration.models import Environment
    from harness.history.reading import UnreadableHistory, begun

    files = [config.invocation_params.dir / file for file in config.getoption("--judge")]
    soak = None
    if config.getoption("--soaked"):
        from harness.run.soak_result import read_soak_result

        soak = read_soak_result(config.invocation_params.dir / config.getoption("--soaked"))
    try:
        urls = {name: of["url"] for file in files for name, of in begun(file)[1].items()}
        environments = [Environment(name=name, url=url, database=None) for name, url in urls.items()]
        gate = Gate(RunSettings(run if soak is None else soak.run, environments, folder, redact=redact))
        gate.judge(files)
    except UnreadableHistory as error:
        raise ConfigurationError(str(error)) from None
    gate.outcomes.soak = soak
    return gate
