"""Reads the files of a checkout in bounds: what has no end, or what no parser gets through, is named and left out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.source.checkout import read_checkout

if TYPE_CHECKING:
    from pathlib import Path

CODE = "export const x = 1;\n"


def test_files_without_an_end_are_not_read(tmp_path: Path) -> None:
    """A FIFO that nobody writes to, a link to a device, a link to itself, and one that leads nowhere."""
    (tmp_path / "app.ts").write_text(CODE, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.ts")
    (tmp_path / "zero.ts").symlink_to("/dev/zero")
    (tmp_path / "self.ts").symlink_to("self.ts")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone.sql").symlink_to("nowhere")
    checkout = read_checkout(tmp_path)
    assert [file.path for file in checkout.files] == ["app.ts"]
    why = dict(checkout.unread)
    assert why["pipe.ts"] == why["zero.ts"] == "is not a regular file"
    assert set(why) == {"pipe.ts", "zero.ts", "self.ts", "gone.sql"}


def test_code_that_was_made_small_is_not_read(tmp_path: Path) -> None:
    """A library that is served to browsers is one line; a long text in a line of code is no such thing."""
    logo = f"export const logo = 'data:image/png;base64,{'A' * 300_000}';\n"
    (tmp_path / "app.ts").write_text(logo + CODE, encoding="utf-8")
    (tmp_path / "library.js").write_text("$.post=function(a){};" * 20_000, encoding="utf-8")
    (tmp_path / "dump.sql").write_text("insert into a values (1, 2);" * 20_000, encoding="utf-8")
    checkout = read_checkout(tmp_path)
    assert [file.path for file in checkout.files] == ["app.ts", "dump.sql"]
    assert checkout.unread == (("library.js", "is code that a program made small"),)
