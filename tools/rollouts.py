"""`python -m tools.rollouts [RUNS] [NAME ..]`: watches each rollout several times, and counts who tells the same story.

A story is its phases and what changed, without numbers. A moment is right if a step that was done lies in it. It is
wide if it is longer than two sampling periods, as where a busy machine answers no look in time: that is counted, and no
mistake. Exits 1 where a story differs or a moment is wrong. Bounded: RUNS (10) of each NAME (all).
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.rollout.evidence import SAMPLE_S
from rehearsal.rollouts.catalogue import ROLLOUTS, play, rollout_named
from rehearsal.rollouts.live import live
from rehearsal.servers.postgres import embedded_postgres
from tests.support.gates import run_harness, write_environments

if TYPE_CHECKING:
    from rehearsal.rollouts.catalogue import Rollout
    from rehearsal.rollouts.live import Step
    from rehearsal.servers.postgres import Postgres

REVISION = "5ca1ab1e"
BOUNDS = {"rate": 10, "attempts": 3000}
STEPS = {"column": "run", "revision": "deploy"}  # what a change of the story is due to
# What a run may see by chance: a lock or a wait shorter than a look, and two revisions at the moment of a switch.
# A rollout of which they are the point names them in `tells`.
BY_CHANCE, MIXTURE = {"lock", "waited", "unseen"}, "revisions "


@dataclass(frozen=True)
class Told:
    """One run: its story without numbers, what was not told, moments that are wrong, and how wide each was."""

    story: tuple[str, ...]
    untold: tuple[str, ...]
    wrong: tuple[str, ...]
    widths_s: tuple[float, ...]
    failed: int


def watched(postgres: Postgres, of: Rollout, folder: Path) -> Told:
    """Play a rollout once, and hold what is told of it against what was done."""
    with live(postgres) as deployment:
        play(of, deployment)
        ready = {"path": "/", "revision": "revision"}
        entry = {"url": deployment.url, "database": deployment.database, "late_rows_s": 1, "ready": ready}
        file = write_environments(folder / "environments.yaml", {}, preview={**entry, "watch": BOUNDS})
        words = ("--environments", str(file), "--report-dir", str(folder / "report"))
        ends = ("--for", "5m", "--until-revision", REVISION)
        run = run_harness("watch", *words, *ends, report_dir=folder / "report")
        steps = list(deployment.done)
    watch = run.verdict["watch"]
    said = "\n".join(change["text"] for change in watch["changes"])
    untold = [pattern for pattern in of.tells if not re.search(pattern, said)]
    untold += [] if run.exit_code == 0 else [f"exit {run.exit_code}: {run.err[-400:]}"]
    untold += [] if of.fails == (watch["failed"] > 0) else [f"{watch['failed']} POSTs failed"]
    began_s = datetime.fromisoformat(watch["started_at"]).timestamp()
    due = [change for change in watch["changes"] if change["kind"] in STEPS]
    wrong = [change["text"] for change in due if not is_right(change, steps, began_s)]
    phases = [phase["name"] for phase in watch["phases"]]
    return Told(
        (*phases, *story_of(watch["changes"])),
        tuple(untold),
        tuple(wrong),
        tuple(change["to_s"] - change["from_s"] for change in due),
        watch["failed"],
    )


def is_right(change: dict[str, Any], steps: list[Step], began_s: float) -> bool:
    """Whether a step that changes such a thing was done in its moment."""
    from_s, to_s = began_s + change["from_s"], began_s + change["to_s"]
    kind = STEPS[change["kind"]]
    return any(step.what == kind and step.from_s <= to_s and step.to_s >= from_s for step in steps)


def story_of(changes: list[dict[str, Any]]) -> list[str]:
    """What is told, each once, without numbers and names of the run."""
    texts = {
        re.sub(r"\d+(\.\d+)?", "N", re.sub(r"[0-9a-f]{12}", "REVISION", change["text"].split(";")[0]))
        for change in changes
        if change["kind"] not in BY_CHANCE and not change["text"].startswith(MIXTURE)
    }
    return sorted(texts)


def main(runs: int, names: list[str]) -> int:
    """Run, print a line for each rollout, and return the exit code."""
    differs = False
    with embedded_postgres() as postgres:
        for of in map(rollout_named, names or ROLLOUTS):
            found = []
            for _ in range(runs):
                with tempfile.TemporaryDirectory() as folder:
                    found.append(watched(postgres, of, Path(folder)))
            ((usual, alike),) = Counter(each.story for each in found).most_common(1)
            right = sum(not each.untold and not each.wrong for each in found)
            widths_s, failed = [s for each in found for s in each.widths_s], sorted(each.failed for each in found)
            wide = sum(s > 2 * SAMPLE_S for s in widths_s)
            print(f"{of.name}: {alike} of {runs} tell the same story, {right} of {runs} all that they must", flush=True)
            widest_s = max(widths_s, default=0.0)
            print(f"    {wide} of {len(widths_s)} moments are wide, the widest {widest_s:.2f} s", flush=True)
            print(f"    {failed[0]} to {failed[-1]} POSTs failed", flush=True)
            for each in found:
                apart = sorted(set(each.story) ^ set(usual)) or (["another order"] if each.story != usual else [])
                for line in (*each.untold, *each.wrong, *apart):
                    print(f"    {line}", flush=True)
            differs = differs or alike < runs or right < runs
    return 1 if differs else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, sys.argv[2:]))
