"""Writes the report folder: `verdict.json`, `summary.md`, and the name `latest` for it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from harness.summary import markdown

if TYPE_CHECKING:
    from harness.verdict import Verdict


def make_folder(folder: Path) -> None:
    """Make the report folder, readable by its owner only, with nothing in it that another run could be told by.

    The history of an earlier run is set aside as `history-1.jsonl` and so on: it may still be needed to clean up.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("verdict.json", "summary.md", "junit.xml", "ctrf.json"):
        (folder / name).unlink(missing_ok=True)
    history = folder / "history.jsonl"
    if history.exists():
        number = next(n for n in count(1) if not (folder / f"history-{n}.jsonl").exists())
        history.rename(folder / f"history-{number}.jsonl")


def write(verdict: Verdict, folder: Path) -> None:
    """Write the reports; also append the summary to `$GITHUB_STEP_SUMMARY` where a job has one.

    Raises:
        OSError: a file cannot be written.
    """
    # Not by pydantic: it refuses a lone surrogate, which a server may have sent as an escape in JSON.
    document = json.dumps(verdict.model_dump(by_alias=True), ensure_ascii=False, indent=2)
    _write(folder / "verdict.json", document + "\n")
    text = markdown(verdict)
    _write(folder / "summary.md", text)
    step_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if step_summary:
        with suppress(OSError), Path(step_summary).open("a", encoding="utf-8") as file:
            file.write(text)


def point_latest_at(folder: Path) -> None:
    """Let `latest`, beside the folder, lead to it. Where links are not to be had there is none."""
    latest = folder.parent / "latest"
    aside = folder.parent / f".latest-{folder.name}"
    with suppress(OSError):
        aside.symlink_to(folder.name, target_is_directory=True)
        aside.replace(latest)


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole: a reader finds the old text or the new one."""
    aside = path.with_name(f".{path.name}.part")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    aside.replace(path)
