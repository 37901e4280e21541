"""What `--url` and `--database` may be: variables, and no secret that stands in them.

What is typed is kept in the history of a shell, and is shown by the list of processes. So a URL with a password is
refused here, and never repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr, ValidationError

from harness.configuration.database_url import for_libpq
from harness.configuration.interpolation import Unexpandable, expand
from harness.configuration.loading import ConfigurationError
from harness.configuration.models import Environment

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]{0,99})(?::\?[^{}$@]*)?\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_OF_PRODUCTION = re.compile(r"(?:^|_)PROD", re.IGNORECASE)
_PRODUCTION = "POSTGRES_URL"  # what production's database is called where nothing else is said
SHOWN_URL = "https://preview.example.com"
SHOWN_DATABASE = "postgresql://user@db.example.com/app"


@dataclass(frozen=True, slots=True)
class Given:
    """What an option was given: as it may stand in the file, the variable in it, "" without, and its value if set."""

    text: str
    variable: str
    value: str | None

    @property
    def is_of_production(self) -> bool:
        """Whether the variable's name says that it is production's."""
        return _OF_PRODUCTION.search(self.variable) is not None or self.variable == _PRODUCTION


def database_given(text: str, environ: Mapping[str, str]) -> Given:
    """`--database`: one variable, whose value is a URL that the gate would take.

    Raises:
        ConfigurationError: it is anything else, or not set.
    """
    match = _VARIABLE.fullmatch(text)
    if match is None:
        raise ConfigurationError(_no_variable("--database", text, environ, "PREVIEW_POSTGRES_URL"))
    given = _expanded("--database", text, match[1], environ)
    _demand_valid("--database", f"the variable {match[1]}", "database", given.value or "")
    return given


def url_given(text: str, environ: Mapping[str, str]) -> Given:
    """`--url`: a URL without credentials, or one variable, which need not be set yet.

    Raises:
        ConfigurationError: it is anything else.
    """
    match = _VARIABLE.fullmatch(text)
    if match is not None:
        if not environ.get(match[1]):
            return Given(text, match[1], None)
        given = _expanded("--url", text, match[1], environ)
        _demand_valid("--url", f"the variable {match[1]}", "url", given.value or "")
        return given
    if "$" in text or "@" in text or "://" not in text:
        raise ConfigurationError(_no_variable("--url", text, environ, "PREVIEW_URL"))
    _demand_valid("--url", "it", "url", text)
    return Given(text, "", text)


def _expanded(option: str, text: str, variable: str, environ: Mapping[str, str]) -> Given:
    try:
        return Given(f"${{{variable}}}", variable, expand(text, environ))
    except Unexpandable as error:
        raise ConfigurationError(f"{option}: {error}. Set it: export {variable}=...") from None


def _no_variable(option: str, text: str, environ: Mapping[str, str], example: str) -> str:
    """Why something is not taken, without what was typed: it may hold a password."""
    if _NAME.fullmatch(text) and text in environ:
        return f"{option}: write the variable as '${{{text}}}', in single quotes."
    what = "holds credentials" if "@" in text else "is no ${VARIABLE}"
    if option == "--database":
        what = "is a database URL itself, and no ${VARIABLE}" if "://" in text else "is no ${VARIABLE}"
    return (
        f"{option}: what was given {what}. Only a variable is written to the file: export {example}=... and then give "
        f"{option} '${{{example}}}', in single quotes, so that the shell does not expand it."
    )


def _demand_valid(option: str, what: str, key: str, value: str) -> None:
    document = {"name": "init", "url": SHOWN_URL, "database": None, key: value}
    try:
        Environment.model_validate(document)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            if problem["loc"][:1] == (key,):
                said = str(problem["msg"]).removeprefix("Value error, ")
                raise ConfigurationError(f"{option}: {what} {said}.") from None
        raise


def secret(given: Given) -> tuple[SecretStr, str]:
    """The value of a database's variable as libpq reads it, and the schema that it names for Prisma, "" without."""
    url, schema = for_libpq(given.value or "")
    return SecretStr(url), schema
