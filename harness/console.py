"""What pytest prints, so that a log which cannot be written does not decide over a release.

A pipe that was closed (`pytest | head`) or a disk that is full makes pytest, or Python at its end, exit 1: "roll back".
"""

from __future__ import annotations

import os
from typing import Any, TextIO


class Lasting:
    """A text stream that is like another one until that cannot be written any more, and from then on takes anything."""

    def __init__(self, stream: TextIO | None) -> None:
        """None is what Python makes of a descriptor that was closed before it began."""
        self._stream = stream if stream is not None else open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        self._lost = False
        self._begun = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write it, if that can be done. Empty lines before anything else are left out."""
        self._begun = self._begun or text not in ("", "\n")
        if self._begun and not self._lost:
            try:
                return self._stream.write(text)
            except OSError:
                self._lose()
        return len(text)

    def flush(self) -> None:
        """Write what is in its buffer, if that can be done."""
        if not self._lost:
            try:
                self._stream.flush()
            except OSError:
                self._lose()

    def _lose(self) -> None:
        """Empty the buffer into nothing: whoever flushes it next, as Python does at its end, would fail again."""
        self._lost = True
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self._stream.fileno())
        os.close(nothing)
        self._stream.flush()
