"""Where the tests have their folders: in memory, where the rehearsal has its servers, if there is room.

The tests make and remove files all the time, and gates write theirs through to the disk. In memory all of it takes a
twentieth less processor time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rehearsal.servers.guard import folder_in_memory

if TYPE_CHECKING:
    import pytest

ROOM_BYTES = 8 << 30  # the folders of a run take 1.2 GB, the servers beside them as much
_CHOSEN_BY = "PYTEST_DEBUG_TEMPROOT"


def keep_folders_in_memory(config: pytest.Config) -> None:
    """Let pytest make its folders there, unless somebody has chosen a place, or those of tests that passed would stay.

    The workers of a session have theirs where the process that began them has.
    """
    chosen = config.option.basetemp is not None or _CHOSEN_BY in os.environ
    if chosen or config.getini("tmp_path_retention_policy") != "failed":
        return
    if folder := folder_in_memory(ROOM_BYTES, runs_programs=True):
        os.environ[_CHOSEN_BY] = str(folder)
        config.add_cleanup(lambda: os.environ.__delitem__(_CHOSEN_BY))
