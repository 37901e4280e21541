"""`python -m harness init`: drafts an `environments.yaml` for an app; sends and stores nothing, and asks nobody."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.redaction import redactor_of
from harness.configuration.loading import ConfigurationError
from harness.drafting.reading import read_draft
from harness.drafting.variables import database_given, url_given
from harness.drafting.writing import means, text_of, variables_of, write
from harness.errors import CouldNotTell
from harness.redaction.credentials import secrets_of_url
from harness.report.verdict import ExitCode
from harness.text import mask_before_cutting, printable, sentence

if TYPE_CHECKING:
    import argparse

    from harness.drafting.draft import Draft
    from harness.drafting.variables import Given

_NEXT = "chatbots-smoke doctor --env preview"


def run(options: argparse.Namespace) -> int:
    """Read what is given, write the file, and say what each key was read from; returns the exit code."""
    file = Path(options.environments)
    if os.path.lexists(file) and not options.force:
        raise _there_already(file)
    url = url_given(options.url, os.environ) if options.url is not None else None
    database = database_given(options.database, os.environ) if options.database is not None else None
    _mask(options, url, database)
    try:
        draft = read_draft(Path(options.source) if options.source is not None else None, url, database)
    except CouldNotTell as unavailable:
        print(f"ERROR: {unavailable.cause}; {unavailable.remedy}. Nothing was written.", file=sys.stderr)
        return ExitCode.COULD_NOT_TELL
    write(file, text_of(draft, file.parent), force=options.force)
    print(json.dumps(_as_json(draft, file), indent=2) if options.json else _in_words(draft, file))
    return ExitCode.RELEASE


def _there_already(file: Path) -> ConfigurationError:
    return ConfigurationError(
        f"{file}: is there already, and was left as it is. Write to another file with --environments FILE, or replace "
        "it with --force."
    )


def _mask(options: argparse.Namespace, url: Given | None, database: Given | None) -> None:
    """Let nothing that is printed hold a secret of the variables."""
    redact = redactor_of(options)
    for given in (url, database):
        if given is not None and given.value:
            redact.add([*([given.value] if given is database else []), *secrets_of_url(given.value)])
    mask_before_cutting(redact)


def _as_json(draft: Draft, file: Path) -> dict[str, Any]:
    """What was read, from where, what is open and why, and which variables must be set."""
    return {
        "file": str(file),
        "keys": [
            {"key": key, "value": _plain(key, fact.value), "read_from": printable(fact.read_from)}
            for key, fact in draft.known.items()
        ],
        "open": [{"key": key, "why": printable(doubt.why, 1000)} for key, doubt in draft.open.items()],
        "notes": list(draft.notes),
        "variables": [{"name": name, "set": bool(os.environ.get(name))} for name in variables_of(draft)],
    }


def _plain(key: str, value: object) -> object:
    if key == "login" and isinstance(value, dict):
        return {"path": value["path"], "json": [name for name, _ in value["fields"]]}
    if key == "headers" and isinstance(value, tuple):
        return {value[0]: f"{value[1]}${{VARIABLE}}"}
    return value


def _in_words(draft: Draft, file: Path) -> str:
    known, opened = draft.known, draft.open
    lines = [f"wrote {file}: {len(known)} {'key' if len(known) == 1 else 'keys'} read, {len(opened)} left open"]
    widest = max((len(key) for key in (*known, *opened)), default=0)
    shown = {key: printable(json.dumps(_plain(key, fact.value), ensure_ascii=False), 60) for key, fact in known.items()}
    if known:
        lines += ["", "read:"]
        wide = max(map(len, shown.values()))
        lines += [
            f"  {key:{widest}}  {shown[key]:{wide}}  {printable(fact.read_from, 200)}" for key, fact in known.items()
        ]
    if opened:
        lines += ["", "left open, commented out in the file:"]
        for key, doubt in opened.items():
            lines += _hanging(f"  {key:{widest}}  ", means(key, doubt))
    unset = [name for name in variables_of(draft) if not os.environ.get(name)]
    lines += ["", "next:"]
    lines += [f"  export {name}=..." for name in unset]
    lines += [f"  {_NEXT}"]
    return "\n".join(map(sentence, lines))


def _hanging(begins: str, text: str) -> list[str]:
    """A text in lines of the terminal's width, behind what its first line begins with; no word is cut."""
    width = max(60, shutil.get_terminal_size((120, 24)).columns) - len(begins)
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return [(begins if n == 0 else " " * len(begins)) + line for n, line in enumerate(lines)]
