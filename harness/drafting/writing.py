"""Writes a draft as `environments.yaml`: what is known with where it was read, what is open as a comment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from harness.configuration.loading import ConfigurationError
from harness.drafting.draft import KEYS
from harness.drafting.refusing import header_of, login_of
from harness.source.routes.facts import Doubt, Known
from harness.text import in_one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.drafting.draft import Draft
    from harness.drafting.variables import Given

SCHEMA = "environments.schema.json"
_WIDTH = 120
_HEAD = """\
# Your deployments, drafted by `chatbots-smoke init`. A comment says where a key was read. A key that is not certain is
# commented out, with what to write. A key that is left out has its default.
"""
# What is right for a key, where nothing better is known.
_EXAMPLES: dict[str, object] = {
    "headers": {"X-Api-Key": "${API_KEY}"},
    "login": {"path": "/api/login"},
    "ready.path": "/",
    "ready.revision": "commit",
    "api.create": "/api/chatbots",
    "api.status": 201,
    "api.payload": {"name": "{name}"},
    "api.id": "id",
    "api.token": "public_token",
    "table.name": "chatbots",
    "table.id": "id",
    "table.label": "name",
    "table.token": "public_token",
}
_MEANS = {
    "headers": "what every request must carry",
    "login": "the route that gives a session for a user and a password; then `login.json` of each environment",
    "ready.path": "a page that answers everybody with 2xx",
    "api.create": "the route that creates a chatbot",
    "api.status": "the status that it answers with",
    "api.payload": "the JSON that it takes; {name} must be in the field that table.label stores",
    "api.id": "where its answer holds the id",
    "api.token": "where its answer holds the token",
    "table.name": "the table that it fills",
    "table.id": "the table's id column",
    "table.label": "the column that holds the name that was sent",
    "table.token": "the token column",
}


def variables_of(draft: Draft) -> list[str]:
    """The variables that the file names, in its order."""
    found: list[str] = []
    for name in ("preview", "production"):
        found += [url for url in [_variable(_url(draft, name))] if url]
        found.append(_variable(_database(draft, name)))
        found += [_key_variable(name)] if isinstance(draft.facts.get("headers"), Known) else []
        found += [variable for _, variable in _login_variables(draft, name)]
    return found


def means(key: str, doubt: Doubt) -> str:
    """What to put for a key that is open, and why it is."""
    return printable(f"{_MEANS[key]}; {doubt.why}" if key in _MEANS else doubt.why, 1000)


def text_of(draft: Draft, folder: Path) -> str:
    """The file, which names its schema relative to its folder."""
    return "\n".join([*_schema(folder), _HEAD.rstrip(), *_defaults(draft), *_environments(draft)]) + "\n"


def _schema(folder: Path) -> Iterator[str]:
    if (folder / "docs" / SCHEMA).is_file():
        yield f"# yaml-language-server: $schema=docs/{SCHEMA}"
        return
    yield f"# yaml-language-server: $schema={SCHEMA}"
    yield f"# (an editor then checks this file; write the schema with: chatbots-smoke schema environments > {SCHEMA})"


def _defaults(draft: Draft) -> Iterator[str]:
    yield "defaults:"
    yield from (f"  # {note}" for note in draft.notes)
    for key in ("headers", "login"):
        fact = draft.facts.get(key)
        if isinstance(fact, Known) and key == "login":
            yield _line("  ", f"login: {_flow({'path': login_of(fact)[0]})}", fact.read_from)
        elif isinstance(fact, Doubt):
            yield from _opened("  ", key, fact)
    for group in ("ready", "api", "table"):
        keys = [key for key in KEYS if key.startswith(f"{group}.") and key in draft.facts]
        if not keys:
            continue
        is_open = not any(isinstance(draft.facts[key], Known) for key in keys)
        yield f"  # {group}:" if is_open else f"  {group}:"
        for key in keys:
            fact, name = draft.facts[key], key.partition(".")[2]
            if isinstance(fact, Known):
                yield _line("    ", f"{name}: {_flow(fact.value)}", fact.read_from)
            else:
                yield from _opened("    ", key, fact)
    if not draft.known:
        yield "  posts: 8"  # a mapping needs a key; this is the default


def _opened(indent: str, key: str, doubt: Doubt) -> Iterator[str]:
    value = doubt.guess if doubt.guess is not None else _EXAMPLES[key]
    if key == "headers" and isinstance(value, tuple):
        value = {value[0]: f"{value[1]}${{API_KEY}}"}
    if key == "login":
        path = value if isinstance(value, str) else "/api/login"
        value = {"path": path, "json": {"email": "${LOGIN_USER}", "password": "${LOGIN_PASSWORD}"}}
    yield f"{indent}# {key.rpartition('.')[2]}: {_flow(value)}"
    yield from _wrapped(f"{indent}#   ", means(key, doubt))


def _environments(draft: Draft) -> Iterator[str]:
    yield "environments:"
    for name in ("preview", "production"):
        yield f"  {name}:"
        yield f"    url: {_flow(_url(draft, name))}"
        yield f"    database: {_flow(_database(draft, name))}"
        header = draft.facts.get("headers")
        if isinstance(header, Known):
            named, prefix = header_of(header)
            yield _line("    ", f"headers: {_flow({named: f'{prefix}${{{_key_variable(name)}}}'})}", header.read_from)
        variables = _login_variables(draft, name)
        if variables:
            body = {field: f"${{{variable}}}" for field, variable in variables}
            yield f"    login: {_flow({'json': body})}"
        if name == "production":
            yield "    protected: true  # posts + burst above 200 need --allow-many"


def _key_variable(name: str) -> str:
    return f"{name.upper()}_API_KEY"


def _url(draft: Draft, name: str) -> str:
    given = draft.url
    if given is not None and given.is_of_production == (name == "production"):
        return given.text
    return f"${{{name.upper()}_URL}}"


def _database(draft: Draft, name: str) -> str:
    given: Given | None = draft.database
    if given is not None and given.is_of_production == (name == "production"):
        return given.text
    return "${PREVIEW_POSTGRES_URL}" if name == "preview" else "${POSTGRES_URL}"


def _variable(text: str) -> str:
    return text[2:-1].partition(":")[0] if text.startswith("${") else ""


def _login_variables(draft: Draft, name: str) -> list[tuple[str, str]]:
    """The fields of a login, each with the variable that an environment has for it."""
    fact = draft.facts.get("login")
    if not isinstance(fact, Known):
        return []
    return [(field, f"{name.upper()}_LOGIN_{kind.upper()}") for field, kind in login_of(fact)[1]]


class _OnOneLine(yaml.SafeDumper):
    """Writes texts with line breaks, or with what is not printable, in double quotes, where they are escaped."""


def _text(dumper: _OnOneLine, text: str) -> yaml.ScalarNode:
    style = None if in_one_line(text) == text and text.isascii() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_OnOneLine.add_representer(str, _text)


# --- text -------------------------------------------------------------------------------------------------------------


def _flow(value: object) -> str:
    """A value as YAML on one line, quoted where it needs that."""
    dumped = yaml.dump([value], Dumper=_OnOneLine, default_flow_style=True, width=10**9, sort_keys=False)
    return str(dumped).strip()[1:-1]


def _line(indent: str, text: str, read_from: str) -> str:
    if not read_from:
        return indent + text
    comment = f"# {printable(read_from, 300)}"
    whole = f"{indent}{text}  {comment}"
    return whole if len(whole) <= _WIDTH else f"{indent}{comment}\n{indent}{text}"


def _wrapped(indent: str, text: str) -> Iterator[str]:
    import textwrap

    width = _WIDTH - len(indent)
    yield from (indent + line for line in textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False))


def write(file: Path, text: str, *, force: bool) -> None:
    """Write the file; one that is there is left as it is, unless `force` says otherwise.

    Raises:
        ConfigurationError: it is there, or it cannot be written.
    """
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        if force:
            with new.open("x", encoding="utf-8") as opened:
                opened.write(text)
            new.replace(file)
            return
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise ConfigurationError(
            f"{file}: is there already, and was left as it is. Write to another file with --environments FILE, or "
            "replace it with --force."
        ) from None
    except OSError as error:
        new.unlink(missing_ok=True)
        raise ConfigurationError(f"{file}: cannot be written: {error.strerror}.") from None
