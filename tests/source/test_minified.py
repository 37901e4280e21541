"""Files that a program made of others are left out, and named; what is long by itself is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.source.app.analysis import analyse
from harness.source.checkout import read_checkout

if TYPE_CHECKING:
    from pathlib import Path

ROUTE = "export const create = (n) => sql`INSERT INTO chatbots (name) VALUES (${n}) RETURNING id, public_token`;\n"
RANDOM = "export const a=()=>{chatbots.create({publicToken:Math.random()})};"
MADE_SMALL = {
    "a bundle by its name": ("public/app.min.js", RANDOM),
    "one long line": ("public/app.js", RANDOM * 200),
    "long lines": ("public/vendor.mjs", "\n".join([RANDOM * 200] * 5)),
    "a chunk": ("public/main-12ab.chunk.js", RANDOM),
}
READ = {
    "a line of data among others": (
        "src/lib.ts",
        f'const image = "{"A" * 6000}";\n' + "export const x = 1;\n" * 50 + RANDOM,
    ),
    "many short lines": ("src/lib.ts", (RANDOM + "\n") * 300),
    "a name that holds min": ("src/admin.js", RANDOM),
}


@pytest.mark.parametrize("shape", MADE_SMALL)
def test_what_is_minified_is_left_out_and_named(shape: str, tmp_path: Path) -> None:
    """Its source is in the checkout, or it is somebody else's."""
    path, text = MADE_SMALL[shape]
    found = analysed_with(tmp_path, path, text)
    assert found[0] == ()
    assert any(note == f"left out, since minified or bundles: {path}" for note in found[1])


@pytest.mark.parametrize("shape", READ)
def test_what_people_wrote_is_read(shape: str, tmp_path: Path) -> None:
    """However long one of its lines is."""
    assert analysed_with(tmp_path, *READ[shape])[0]


def analysed_with(root: Path, path: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What reaches the column in an app that has this file as well, and the notes."""
    for name, written in (("src/routes.ts", ROUTE), (path, text)):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(written, encoding="utf-8")
    found = analyse(read_checkout(root), "chatbots", "public_token")
    return found.reaching, found.notes
