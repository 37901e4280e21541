"""An open file for each POST of a burst: more than many a process may have, and none must go unsent for want of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.configuration.loading import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.configuration.models import Environment

SPARE = 64  # for what else is open: the history, connections to the database, what pytest captures


def demand_descriptors(environments: Sequence[Environment]) -> None:
    """Have room for the connections of all bursts, which are sent side by side; raises the soft limit where it must.

    Raises:
        ConfigurationError: the hard limit (`ulimit -Hn`) is lower.
    """
    # While TLS is being set up, the file of the authorities is open beside the connection.
    needed = SPARE + sum(e.burst * (2 if e.url.startswith("https:") else 1) for e in environments)
    try:
        import resource
    except ImportError:  # not on this platform
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError):  # above the hard limit, or above what the system has
        together = sum(e.burst for e in environments)
        raise ConfigurationError(
            f"{together} POSTs at once need up to {needed} open files, and this process may have {hard} (ulimit -Hn). "
            "Lower burst (in the file, or with --burst), name fewer environments in one run, or raise that limit."
        ) from None
