"""Masks what pytest prints and writes by itself: tracebacks, logs, captured output, the trace of `--debug`.

`outcomes` masks reports one by one. Here is what no report passes through, and what pytest would cut before
a report could be masked: half a secret is not recognised any more.
"""

from __future__ import annotations

import logging
import os
import traceback
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct

from harness.pytest_internals import mask_terminal_writer, mask_trace, replace_internal_error, shorten_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.redaction.redactor import Redactor


def mask_everything(config: pytest.Config, redact: Redactor) -> None:
    """Mask logs, shortened values and the trace of this process until pytest ends."""
    config.pluginmanager.register(_InternalErrors(redact))
    for install in (_mask_logs, _mask_late_warnings, _mask_before_shortening):
        config.add_cleanup(install(redact))
    mask_trace(config, redact)


def keep_files_private(config: pytest.Config) -> None:
    """Let whatever file this process is asked for be its owner's only, until pytest ends."""
    umask = os.umask(0o077)

    def undo() -> None:
        os.umask(umask)

    config.add_cleanup(undo)


def mask_terminal(config: pytest.Config, redact: Redactor) -> None:
    """Mask what is printed, write by write: live logs, warnings, the trace of an interruption. From then on."""
    if config.pluginmanager.get_plugin("terminalreporter") is not None:
        mask_terminal_writer(config, redact)


class _InternalErrors(Struct, frozen=True):
    """A plugin: masks an INTERNALERROR."""

    redact: Redactor

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: Any) -> None:
        replace_internal_error(excrepr, self.redact(str(excrepr)))


def _mask_logs(redact: Redactor) -> Callable[[], None]:
    """Mask log records as they are made, before any handler has them; returns what undoes it."""
    make = logging.getLogRecordFactory()

    def masked(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        try:
            record.msg = redact(record.getMessage())
        except Exception as error:  # what logging would say of it quotes the arguments
            record.msg = f"a log message that cannot be formatted ({type(error).__name__})"
        record.args = None
        if record.exc_info:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return record

    logging.setLogRecordFactory(masked)
    return lambda: logging.setLogRecordFactory(make)


def _mask_late_warnings(redact: Redactor) -> Callable[[], None]:
    """Mask the warnings that come when pytest collects none any more, such as what a thread died of."""
    word = warnings.formatwarning

    def masked(*arguments: Any, **named: Any) -> str:
        return redact(word(*arguments, **named))

    def undo() -> None:
        warnings.formatwarning = word

    warnings.formatwarning = masked
    return undo


def _mask_before_shortening(redact: Redactor) -> Callable[[], None]:
    """Let pytest mask a value before it takes the middle out of it; returns what undoes it."""

    def shorten(text: str, longest: int) -> str:
        if len(text) <= longest:
            return redact(text)
        head = max(0, (longest - 3) // 2)
        tail = max(0, longest - 3 - head)
        return f"{redact.part(text, 0, head)}...{redact.part(text, len(text) - tail, len(text))}"

    return shorten_by(shorten)
