"""How long the source of an app takes

All claims about a checkout, in a process of their own: made-up apps of 10, 100 and 3,300 files, minified files among
them, and apps of which one file holds a line that is long. Memory is the most that the process had, imports included.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from bench.installed import ROOT
from bench.measuring import Command, run, shown
from bench.results import listed, table, target
from tests.support.large_apps import COMPONENT, HANDLER, LINKS, RANDOM, SERVICE, write_app

FILES = (10, 100, 3_300)
MOST_ROUNDS = 3  # they differ by little
MOST = {10: (1, 400), 3_300: (6, 400)}  # files: seconds, MB
LONG_LINES = (32_000, 128_000, 530_000)  # bytes
# Reads as a run does: the files, the app, its migrations; says seconds, and the most memory in MB.
PROGRAM = """
import json, resource, sys, time
from pathlib import Path
began, cpu = time.perf_counter(), time.process_time()
from harness.source.app.analysis import analyse
from harness.source.checkout import read_checkout
from harness.source.migrations.reading import read_token
checkout = read_checkout(Path(sys.argv[1]))
read_s = time.perf_counter() - began
found = analyse(checkout, "chatbots", "public_token")
analysed_s = time.perf_counter() - began
read_token(checkout, "chatbots", "public_token")
used = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
taken = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu, "read_s": read_s,
         "analysed_s": analysed_s, "memory_mb": max(used), "creates": len(found.creates)}
Path(sys.argv[2]).write_text(json.dumps(taken))
"""


def write_tree(root: Path, files: int) -> int:
    """Write a repository of several apps, of which one stores chatbots; returns its bytes."""
    write_app(root / "apps" / "api", 0)
    made = sum(1 for _ in root.rglob("*.ts"))
    for n in range(files - made):
        parts = [(COMPONENT if n % 3 == 0 else SERVICE).format(n=f"{n}x{i}") for i in range(1 + n % 7)]
        parts += [RANDOM.format(n=n)] if n % 12 == 0 else []
        parts += [HANDLER.format(n=n)] if n % 25 == 0 else []
        parts += [LINKS.format(n=n)] if n % 20 == 0 else []
        text = "".join(parts)
        name = f"module{n}.{'tsx' if n % 3 == 0 else 'ts'}"
        if n % 100 == 50:  # what a bundler made of some of them
            text, name = text.replace("\n", " ") * 20, f"module{n}.js"
        file = root / ("apps", "packages")[n % 2] / f"area{n % 40}" / "src" / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text, encoding="utf-8")
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file())


def write_line(root: Path, size: int) -> int:
    """Write an app, and beside it a file of one line; returns the bytes of that."""
    write_app(root, 0)
    rows = ",".join(f'{{id:{n},chatbot:"b{n}",label:f({n})}}' for n in range(size // 34))
    text = f"export const rows=[{rows}];\nchatbots.update({{}});\n" + "\n" * (size // 400)  # so that it is no bundle
    (root / "src" / "rows.ts").write_text(text, encoding="utf-8")
    return len(text)


def measure(rounds: int) -> str:
    """Seconds and memory by number of files and by length of a line, as Markdown."""
    rows, targets = [], []
    for files in FILES:
        with tempfile.TemporaryDirectory() as name:
            size = write_tree(Path(name), files)
            taken = _measured(Path(name), min(rounds, MOST_ROUNDS))
            rows.append((f"{files:,} files", f"{size:,}", *_shown(taken)))
            targets += [_judged(files, taken)] if files in MOST else []
    for wanted in LONG_LINES:
        with tempfile.TemporaryDirectory() as name:
            size = write_line(Path(name), wanted)
            rows.append(("one line", f"{size:,}", *_shown(_measured(Path(name), min(rounds, MOST_ROUNDS)))))
    compared = table(("app", "bytes", "wall clock", "CPU", "reading files", "most memory"), rows)
    return f"{compared}\n\n{listed(targets)}"


def _judged(files: int, taken: dict[str, list[float]]) -> str:
    most_s, most_mb = MOST[files]
    wall_s, memory_mb = median(taken["wall_s"]), median(taken["memory_mb"])
    wanted = f"{files:,} files in at most {most_s} s and {most_mb} MB"
    return target(wanted, f"{wall_s:.2f} s and {memory_mb:.0f} MB", wall_s <= most_s and memory_mb <= most_mb)


def _measured(folder: Path, rounds: int) -> dict[str, list[float]]:
    found = []
    for _ in range(rounds):
        said = folder / "said.json.txt"
        run("source", Command([sys.executable, "-c", PROGRAM, str(folder), str(said)], {}, ROOT))
        found.append(json.loads(said.read_text(encoding="utf-8")))
    assert all(one["creates"] >= 1 for one in found), found
    return {key: [one[key] for one in found] for key in ("wall_s", "cpu_s", "read_s", "memory_mb")}


def _shown(taken: dict[str, list[float]]) -> tuple[str, ...]:
    seconds = (shown(taken[key], digits=2) for key in ("wall_s", "cpu_s", "read_s"))
    return (*seconds, f"{median(taken['memory_mb']):.0f} MB")
