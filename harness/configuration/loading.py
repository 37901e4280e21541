"""Reads `environments.yaml`: merges `defaults`, expands variables, and words every mistake once and clearly."""

from __future__ import annotations

import difflib
import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel, ValidationError

from harness.configuration.interpolation import Unexpandable, expand
from harness.configuration.models import Environment
from harness.configuration.strict_yaml import load as load_yaml
from harness.text import SHOWN_SENTENCE, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MANY = 200  # POSTs to one protected environment, which nobody sends there by mistake
_SECRET = ("url", "database", "headers", "login")  # keys whose values no message quotes
_DRIVERS = ("asyncpg", "pg8000", "psycopg", "psycopg2", "psycopg2cffi", "psycopg_async")
LARGEST_FILE = 1024 * 1024  # bytes
SHOWN_MISTAKES = 40  # lines of one message
SHOWN_NAMES = 20
TRY_IT = "To try the harness without a deployment: make smoke (or python -m rehearsal -- pytest)"


class Mistake(NamedTuple):
    """Something that is wrong with one key.

    Attributes:
        place: where the key stands, such as environments.preview.api.status.
        said: what is wrong and what to write, in a sentence.
        variable: the variable that has no value; "" where it is not that.
    """

    place: str
    said: str
    variable: str = ""


class ConfigurationError(Exception):
    """The configuration cannot be used; nothing was sent. The message names file, key and remedy.

    Its lines are bounded in number and length, and printable: keys of the file stand in them. `mistakes` has those that
    are about one key, each by itself.
    """

    def __init__(self, message: str, mistakes: Sequence[Mistake] = ()) -> None:
        self.mistakes = tuple(mistakes)
        lines = message.split("\n")
        if len(lines) > SHOWN_MISTAKES:
            lines = [*lines[: SHOWN_MISTAKES - 1], f"and {len(lines) - SHOWN_MISTAKES + 1} more lines like these"]
        super().__init__("\n".join(printable(line, SHOWN_SENTENCE) for line in lines))


class _Mistakes(Exception):
    """What is wrong with one environment."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__(mistakes)
        self.mistakes = mistakes


def load(
    file: Path,
    names: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    without: frozenset[str] = frozenset(),
) -> list[Environment]:
    """The named environments of a file, in the order asked for.

    Only the environments asked for are expanded and checked: to gate Preview nobody needs production's secrets.

    Args:
        file: the file.
        names: of environments.
        environ: the variables; those of this process where none are given.
        overrides: command-line options.
        without: keys that are taken to be null, whatever stands there.

    Raises:
        ConfigurationError: for every mistake of the file or the variables, all of them in one message.
    """
    document = _document(file)
    known = document["environments"]
    environments: list[Environment] = []
    mistakes: list[Mistake] = []
    for name in dict.fromkeys(names):
        if name not in known:
            raise ConfigurationError(
                f"{file}: there is no environment {name!r}{nearest(name, known)}. It has: {_listed(known)}."
            )
        if printable(name) != name:
            raise ConfigurationError(f"{file}: environments.{name}: a name must be short and printable.")
        own = known[name]
        if not isinstance(own, dict):
            raise ConfigurationError(f"{file}: environments.{name}: must be a mapping with url and database.")
        try:
            environment = _environment(
                name,
                document["defaults"],
                {**own, **dict.fromkeys(without)},
                os.environ if environ is None else environ,
                overrides or {},
            )
            environments.append(_with_ca_file(environment, file.parent))
        except _Mistakes as error:
            mistakes.extend(error.mistakes)
    if mistakes:
        each_once = dict.fromkeys(mistakes)
        lines = [f"{file}: {mistake.place}: {mistake.said}" for mistake in each_once]
        raise ConfigurationError("\n".join([*lines, TRY_IT]), [*each_once])
    return environments


def names_in(file: Path) -> list[str]:
    """The names of the environments of a file.

    Raises:
        ConfigurationError: it cannot be read.
    """
    return [*_document(file)["environments"]]


def _text(file: Path) -> str:
    """The file's text; what it may be instead of a file (a device, a pipe) is read no further than the limit."""
    with file.open("rb") as opened:
        content = opened.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ConfigurationError(f"{file}: is larger than {LARGEST_FILE // 1024} KiB; is it the right file?")
    return content.decode("utf-8")


def _document(file: Path) -> dict[str, dict[str, Any]]:
    """The file as YAML, its two top-level keys checked."""
    text = ""
    try:
        text = _text(file)
        document = load_yaml(text)
    except OSError as error:
        raise ConfigurationError(
            f"{file}: cannot be read: {error.strerror}. Draft one with chatbots-smoke init, or name another with "
            "--environments FILE."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file}: is not UTF-8 text (byte {error.start}).") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{file}: is not valid YAML: {_where(error, text)}.") from None
    if document is None:
        raise ConfigurationError(f"{file}: is empty. It needs the key environments; see docs/configuration.md.")
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file}: must be a mapping with the keys defaults and environments.")
    for key in document:
        if key not in ("defaults", "environments"):
            raise ConfigurationError(
                f"{file}: unknown key {key!r}{nearest(str(key), ['defaults', 'environments'])}. "
                "The top level has defaults and environments."
            )
    for key in ("defaults", "environments"):
        if not isinstance(document.get(key) or {}, dict):
            raise ConfigurationError(f"{file}: {key}: must be a mapping.")
    if not document.get("environments"):
        raise ConfigurationError(f"{file}: environments: names no environment. Add one with url and database.")
    return {"defaults": document.get("defaults") or {}, "environments": document["environments"]}


def _where(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        problem = str(error.problem)
        if text[mark.index : mark.index + 1] == "\t":
            problem = "a tab; YAML is indented with blanks only"
        if "constructor for the tag" in problem:  # an unquoted value that begins with !
            problem = "could not determine a constructor for a tag; quote values that begin with !"
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    return str(error).replace("\n", " ")


def demand_few(environments: Sequence[Environment], file: Path) -> None:
    """Refuse to send many POSTs to a protected environment.

    Raises:
        ConfigurationError: `posts + burst` of one is above MANY.
    """
    for environment in environments:
        asked = environment.posts + environment.burst
        if environment.protected and asked > MANY:
            raise ConfigurationError(
                f"{file}: environments.{environment.name} is protected, and posts + burst is {asked}: more than {MANY} "
                "need --allow-many. Without it, lower posts and burst (in the file, or with --posts and --burst)."
            )


def _with_ca_file(environment: Environment, folder: Path) -> Environment:
    """The environment, its `ca_file` found from the file's own folder.

    Raises:
        _Mistakes: it cannot be read, or holds no certificate.
    """
    if environment.ca_file is None:
        return environment
    import ssl

    path = folder / environment.ca_file
    try:
        ssl.create_default_context(cafile=str(path))
    except OSError as error:  # SSLError is one
        said = "holds no certificate" if isinstance(error, ssl.SSLError) else f"cannot be read: {error.strerror}"
        place = f"environments.{environment.name}.ca_file"
        raise _Mistakes([Mistake(place, f"{path} {said}. Name a PEM file of the authorities to trust.")]) from None
    return environment.model_copy(update={"ca_file": path.absolute()})


def _environment(
    name: str,
    defaults: dict[str, Any],
    own: dict[str, Any],
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
) -> Environment:
    mistakes: list[Mistake] = []

    def place(path: tuple[Any, ...]) -> str:
        """Where a key stands: in the environment, or in the defaults that it took it from."""
        is_own = not path or _stands_in(own, path) or not _stands_in(defaults, path)
        return ".".join((f"environments.{name}" if is_own else "defaults", *(printable(key) for key in path)))

    def expanded(value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, dict):
            return {key: expanded(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [expanded(item, (*path, index)) for index, item in enumerate(value)]
        if isinstance(value, float) and not math.isfinite(value):
            mistakes.append(Mistake(place(path), "must be a finite number."))
        if not isinstance(value, str):
            return value
        try:
            return expand(value, environ)
        except Unexpandable as error:
            if not error.variable and path[0] in _SECRET:
                error = Unexpandable("", "a ${ is not the beginning of ${VAR}, ${VAR:-default} or ${VAR:?message}")
            remedy = f" Set it (export {error.variable}=...) or write ${{{error.variable}:-default}}."
            said = f"{error}.{remedy if error.variable else ''}"
            mistakes.append(Mistake(place(path), said, error.variable))
            return value

    merged = expanded(_merge(defaults, own), ())
    if mistakes:
        raise _Mistakes(mistakes)
    for key, value in merged.items():
        if key == "name":
            said = "unknown key; an environment is named by its key in environments."
            mistakes.append(Mistake(place((key,)), said))
        if value is None and key in ("ready", "api", "table"):
            said = "must be a mapping, not null; leave it out for the defaults."
            mistakes.append(Mistake(place((key,)), said))
    if mistakes:
        raise _Mistakes(mistakes)
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Environment.model_validate({**merged, **given, "name": name})
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            about = getattr(problem.get("ctx", {}).get("error"), "key", None)
            path = (*problem["loc"], *([about] if about is not None else []))
            option = f"--{path[0]}" if len(path) == 1 and path[0] in given else ""
            mistakes.append(Mistake(option or place(path), f"{_worded(problem, path)}."))
        raise _Mistakes(mistakes) from None


def _merge(under: dict[Any, Any], over: dict[Any, Any]) -> dict[Any, Any]:
    """Mappings are merged key by key; anything else, null included, replaces what stood there."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _stands_in(mapping: Any, path: tuple[Any, ...]) -> bool:
    for key in path:
        try:
            mapping = mapping[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _worded(problem: Any, path: tuple[Any, ...]) -> str:
    """One pydantic problem in our words: what is wrong and what may stand there."""
    kind = problem["type"]
    if kind == "extra_forbidden":
        known = [*_keys_at(path[:-1])]
        return f"unknown key{nearest(str(path[-1]), known)}. Known here: {', '.join(known)}"
    if kind == "missing":
        hint = " (write null if there is no database that the run may read)" if path[-1] == "database" else ""
        return f"is missing{hint}"
    message = str(problem["msg"])
    if kind == "path_type":
        return "must be a path, as text"
    message = re.sub(r"^(Input|String|Value) should\b", "must", message.removeprefix("Value error, "))
    message = re.sub(r"a valid dictionary( or (an )?instance of \w+)?", "a mapping", message)
    message = message.replace("a valid string", "text (quote it)")
    message = _without_values(message)
    return message[0].lower() + message[1:]


def _without_values(message: str) -> str:
    """What a message quotes may be a secret that landed at the wrong place: only what is like a name is kept."""
    driver = re.search(r"driver's name out of \w+\+?([^ ]*)://", message)
    if driver and driver[1] and driver[1] not in _DRIVERS:
        return message.replace(driver[1], "...")
    message = re.sub(r"the parameter (?![A-Za-z_]+=)[^=]*=", "a parameter", message)
    return re.sub(
        r"^'[^']*[:0-9][^']*' is not a header name|^.{30,} is not a header name", "is not a header name", message
    )


def _keys_at(path: tuple[Any, ...]) -> Iterator[str]:
    model: type[BaseModel] = Environment
    for part in path:
        annotation = next((f.annotation for k, f in model.model_fields.items() if part in (k, f.alias)), None)
        candidates = [annotation, *get_args(annotation)]
        below = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if below is None:
            return
        model = below
    for key, field in model.model_fields.items():
        if key != "name" or model is not Environment:
            yield field.alias or key


def _listed(names: Sequence[str] | Mapping[str, object]) -> str:
    shown = [*names][:SHOWN_NAMES]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def nearest(word: str, known: Sequence[str] | Mapping[str, object]) -> str:
    """The known word that one was probably meant to be, as a question in brackets; "" where none is near."""
    near = difflib.get_close_matches(word, [str(k) for k in known], n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
