"""What is used of pytest beyond its public interface: there is no public way to any of it.

It was tried on the versions in `TRIED_ON`; `make test` runs the gate on the lowest and on the newest that is allowed.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pytest

TRIED_ON = ("9.2.0",)


def root_again(early_config: pytest.Config) -> None:
    """Let pytest find its root and its settings anew, now that it knows which words of the command line are paths."""
    from _pytest.config.findpaths import determine_setup

    known = early_config.known_args_namespace
    paths: Sequence[str] = known.file_or_dir
    rootpath, inipath, inicfg, ignored = determine_setup(
        inifile=known.inifilename,
        override_ini=known.override_ini,
        args=paths,
        rootdir_cmd_arg=known.rootdir or None,
        invocation_dir=early_config.invocation_params.dir,
    )
    if inipath == early_config.inipath:
        return
    # What is set here is all that Config.parse() keeps of the first reading.
    early_config._rootpath, early_config._inipath, early_config._inicfg = rootpath, inipath, inicfg
    early_config._ignored_config_files = ignored
    early_config._inicache.clear()
    known.confcutdir = str(inipath.parent if inipath is not None else rootpath)


@contextmanager
def without_rewriting(plugins: pytest.PytestPluginManager) -> Iterator[None]:
    """Import without pytest, which looks at the name of each module for whether it rewrites its assertions.

    That takes it 80 us a module, and a gate imports 400. Only for what has no assertions of checks or tests.
    """
    hook = getattr(plugins, "rewrite_hook", None)
    if hook not in sys.meta_path:
        yield
        return
    place = sys.meta_path.index(hook)
    sys.meta_path.remove(hook)
    try:
        yield
    finally:
        sys.meta_path.insert(place, hook)


def typed_options(config: pytest.Config) -> Namespace:
    """What the command line itself says, without what PYTEST_ADDOPTS and a configuration file add to it."""
    import pytest

    try:
        return config._parser.parse_known_args(config.invocation_params.args)
    except pytest.UsageError:  # pytest says so itself
        return Namespace()


def mask_trace(config: pytest.Config, mask: Callable[[str], str]) -> None:
    """Mask what `--debug` and `--trace-config` write, line by line."""
    trace = config.trace.root
    writer = getattr(trace, "_writer", None)
    if writer is not None:
        trace.setwriter(lambda text: writer(mask(text)))


def mask_terminal_writer(config: pytest.Config, mask: Callable[[str], str]) -> None:
    """Mask what is printed, write by write."""
    terminal = config.get_terminal_writer()
    write = terminal.write

    def masked(text: str, **markup: Any) -> None:
        write(mask(text), **markup)

    terminal.write = masked  # type: ignore[method-assign, assignment]  # as pytest's own plugin pastebin does


def replace_internal_error(excrepr: Any, text: str) -> None:
    """Let an INTERNALERROR say this instead, in place: every other plugin is handed the same object."""
    from _pytest._code.code import ReprTracebackNative

    native = ReprTracebackNative([text])
    excrepr.reprtraceback, excrepr.reprcrash = native, None  # of one exception
    excrepr.chain = [(native, None, None)]  # of several
    excrepr.sections = []


def shorten_by(shorten: Callable[[str, int], str]) -> Callable[[], None]:
    """Let this shorten arguments, locals and what an assertion compares, which are shown with 240 characters.

    Args:
        shorten: given the whole text and how many characters it may have.

    Returns:
        What undoes it.
    """
    from _pytest._io.saferepr import SafeRepr

    usual = SafeRepr.repr

    def shortened(self: SafeRepr, x: object) -> str:
        if self.maxsize is None:
            return usual(self, x)
        return shorten(usual(SafeRepr(None, self.use_ascii), x), self.maxsize)

    SafeRepr.repr = shortened  # type: ignore[method-assign]

    def undo() -> None:
        SafeRepr.repr = usual  # type: ignore[method-assign]

    return undo
