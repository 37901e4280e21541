"""Makes the report folder, and the name `latest` for it."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from harness.history.writing import Ledger
from harness.report.formats import FORMATS, OF_PYTEST

if TYPE_CHECKING:
    from pathlib import Path


def make_folder(folder: Path) -> Path | None:
    """Make the report folder, readable by its owner only, with nothing in it that another run could be told by.

    The history of an earlier run is set aside as `history-1.jsonl` and so on: it may still be needed to clean up.
    Returns where it is now if that run ended without a verdict, as a killed one does.

    Raises:
        OSError: it cannot be made.
        StillWritten: another run that is still going on writes into it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (folder / "history.jsonl").exists():
        Ledger(folder / "history.jsonl").close()
    concluded = (folder / "verdict.json").exists()
    for name in (*(each.file for each in FORMATS), *OF_PYTEST):
        (folder / name).unlink(missing_ok=True)
    history = folder / "history.jsonl"
    if history.exists():
        number = next(n for n in count(1) if not (folder / f"history-{n}.jsonl").exists())
        history.chmod(0o600)  # wherever it came from
        aside = history.rename(folder / f"history-{number}.jsonl")
        return None if concluded else aside
    return None


def point_latest_at(folder: Path) -> None:
    """Let `latest`, beside the folder, lead to it. Where links are not to be had there is none."""
    latest = folder.parent / "latest"
    aside = folder.parent / f".latest-{folder.name}"
    with suppress(OSError):
        aside.symlink_to(folder.name, target_is_directory=True)
        aside.replace(latest)
