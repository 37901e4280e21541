"""One new cluster of Postgres for all servers that the tests start: a copy takes a tenth of the time of initdb.

The process that begins the tests makes a folder, its workers share it, and the first that needs the cluster makes it.
All copies have one system identifier: a test whose servers must be told apart removes `INITDB_TEMPLATE`.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rehearsal.servers.binaries import find_binaries
from rehearsal.servers.guard import INITDB_OPTIONS, ROOM_BYTES, folder_in_memory
from rehearsal.servers.postgres import order_for

if TYPE_CHECKING:
    import pytest

_FOLDER = "CHATBOTS_SMOKE_TESTS_CLUSTER"


def share_a_cluster(config: pytest.Config) -> None:
    """Make the folder, unless this process is a worker of one that has."""
    if _FOLDER not in os.environ:
        folder = TemporaryDirectory(prefix="cluster-", dir=folder_in_memory(ROOM_BYTES, runs_programs=False))
        os.environ[_FOLDER] = folder.name
        config.add_cleanup(folder.cleanup)
        config.add_cleanup(lambda: os.environ.__delitem__(_FOLDER))


def shared_cluster() -> Path | None:
    """The data directory, as initdb makes it for the rehearsal; None if that needs a copy of initdb."""
    folder = Path(os.environ[_FOLDER])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        data = folder / "data"
        return data if data.exists() else new_cluster(folder)


def new_cluster(folder: Path) -> Path | None:
    """A data directory in this folder, as initdb makes it for the rehearsal; None if that needs a copy of initdb."""
    order = order_for(find_binaries())
    if order["copy"]:
        return None
    how: dict[str, Any] = {"cwd": folder, "env": {"LC_ALL": "C", "TZ": "UTC"}, "stdout": subprocess.DEVNULL}
    if order["uid"] is not None and order["gid"] is not None:
        os.chown(folder, order["uid"], order["gid"])
        how |= {"user": order["uid"], "group": order["gid"], "extra_groups": []}
    initdb = [f"{order['binaries']}/initdb", "-D", str(folder / "data"), *INITDB_OPTIONS]
    subprocess.run(initdb, check=True, **how)
    return folder / "data"
