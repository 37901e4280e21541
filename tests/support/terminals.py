"""What a person sees who runs a command in a terminal, and a picture of it."""

from __future__ import annotations

import html
import os
import pty
import re
import subprocess
from contextlib import suppress

from tests.support.gates import ROOT, clean_environment

_SGR = re.compile(r"\x1b\[([\d;]*)m")
_STYLES = {"1": "font-weight:700", "31": "color:#f85149", "32": "color:#3fb950", "33": "color:#d29922"}


def in_a_terminal(command: list[str], columns: int = 100, **environ: str) -> str:
    """All that the command writes to a terminal so many columns wide."""
    ours, theirs = pty.openpty()
    environment = {**clean_environment(TERM="xterm", **environ), "COLUMNS": str(columns)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        with suppress(OSError):  # the terminal is gone when the last process has closed it
            while more := os.read(ours, 65536):
                seen += more
        process.wait(timeout=60)
    os.close(ours)
    return seen.decode()


def as_page(text: str) -> str:
    """A page that looks like the terminal: bold, red, green and yellow are all that pytest and the gate use here."""
    out: list[str] = []
    styles: list[str] = []
    for number, part in enumerate(_SGR.split(text.replace("\r", ""))):
        if number % 2:
            codes = part.split(";")
            styles = [] if codes in (["0"], [""]) else [*styles, *(_STYLES[code] for code in codes if code in _STYLES)]
        elif part:
            out.append(f'<span style="{";".join(styles)}">{html.escape(part)}</span>')
    return (
        '<!doctype html><meta charset="utf-8"><body style="margin:0;background:#0d1117"><pre style="margin:14px;'
        f'color:#e6edf3;font:12px/1.45 ui-monospace,Menlo,monospace;white-space:pre-wrap">{"".join(out)}</pre>'
    )
