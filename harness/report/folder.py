"""Makes the report folder, and the name `latest` for it."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from harness.configuration.loading import ConfigurationError
from harness.files import own_folder
from harness.history.writing import Ledger, StillWritten
from harness.report.formats import FORMATS, OF_PYTEST

if TYPE_CHECKING:
    import argparse


def make_folder(folder: Path) -> Path | None:
    """Make the report folder, its owner's only, with nothing in it that another run could be told by.

    The history of an earlier run is set aside as `history-1.jsonl` and so on: it may still be needed to clean up.
    Returns where it is now if that run ended without a verdict, as a killed one does.

    Raises:
        OSError: it cannot be made, is somebody else's, or its history is a link or no file.
        StillWritten: another run that is still going on writes into it.
    """
    history = folder / "history.jsonl"
    written = (*(each.file for each in FORMATS), *OF_PYTEST)
    own_folder(folder, {*written, history.name})
    there = os.path.lexists(history)
    if there:
        Ledger(history).close()
    concluded = (folder / "verdict.json").exists()
    for name in written:
        (folder / name).unlink(missing_ok=True)
    if there:
        number = next(n for n in count(1) if not os.path.lexists(folder / f"history-{n}.jsonl"))
        aside = history.rename(folder / f"history-{number}.jsonl")
        return None if concluded else aside
    return None


def folder_of(options: argparse.Namespace, run: str) -> Path:
    """The report folder of a command: what its user named, or one that is called like its run."""
    return Path(options.report_dir).resolve() if options.report_dir else Path(options.folder) / "reports" / run


def demand_folder(folder: Path) -> None:
    """The same, for a command whose user named it.

    Raises:
        ConfigurationError: it cannot be made, or belongs to a run that is still going on.
    """
    try:
        make_folder(folder)
    except StillWritten:
        raise ConfigurationError(f"the report folder {folder} belongs to a run that is still going on") from None
    except OSError as error:
        raise ConfigurationError(f"the report folder {folder} cannot be made: {error.strerror}") from None


def point_latest_at(folder: Path) -> None:
    """Let `latest`, beside the folder, lead to it. Where links are not to be had there is none."""
    latest = folder.parent / "latest"
    aside = folder.parent / f".latest-{folder.name}"
    with suppress(OSError):
        aside.symlink_to(folder.name, target_is_directory=True)
        aside.replace(latest)
