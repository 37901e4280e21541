"""`python -m bench.merging HOW FILE`: counts the tokens of a file that stand in it before, in bounded memory.

The file holds 16 bytes a token. `runs` sorts runs of `RUN` tokens and merges them; `parts` deals them out to 256 files
by their first byte, and counts each of those by itself. Temporary files are beside it, and gone afterwards.
"""

from __future__ import annotations

import sys
import tempfile
from heapq import merge
from itertools import pairwise
from pathlib import Path
from struct import iter_unpack, unpack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = 16  # bytes
RUN = 500_000  # tokens, 57 bytes each as Python has them
PIECE = 1 << 14  # bytes that are read of each run at once


def main() -> int:
    """Print how many tokens are beyond the first of their value; returns 0."""
    how, file = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        print(by_runs(file, Path(folder)) if how == "runs" else by_parts(file, Path(folder)))
    return 0


def by_runs(file: Path, folder: Path) -> int:
    """An external merge of sorted runs."""
    runs = []
    for number, piece in enumerate(_pieces(file, RUN * TOKEN)):
        runs.append(folder / str(number))
        runs[-1].write_bytes(b"".join(sorted(unpack(f"{TOKEN}s" * (len(piece) // TOKEN), piece))))
    return sum(one == other for one, other in pairwise(merge(*map(_tokens, runs))))


def by_parts(file: Path, folder: Path) -> int:
    """Equal tokens are in the same part, and a part fits into memory."""
    parts = [folder / str(number) for number in range(256)]
    for piece in _pieces(file, RUN * TOKEN):
        dealt: list[list[bytes]] = [[] for _ in parts]
        for (token,) in iter_unpack(f"{TOKEN}s", piece):
            dealt[token[0]].append(token)
        for part, tokens in zip(parts, dealt, strict=True):
            with part.open("ab") as out:
                out.write(b"".join(tokens))
    surplus = 0
    for part in parts:
        held = part.read_bytes()
        surplus += len(held) // TOKEN - len(set(unpack(f"{TOKEN}s" * (len(held) // TOKEN), held)))
    return surplus


def _pieces(file: Path, size: int) -> Iterator[bytes]:
    with file.open("rb") as source:
        while piece := source.read(size):
            yield piece


def _tokens(file: Path) -> Iterator[bytes]:
    for piece in _pieces(file, PIECE):
        for (token,) in iter_unpack(f"{TOKEN}s", piece):
            yield token


if __name__ == "__main__":
    sys.exit(main())
