"""Leaves open what the harness would not take from the file: a value that expands, is too long, or breaks a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from harness.configuration.models import Environment
from harness.drafting.variables import SHOWN_DATABASE, SHOWN_URL
from harness.redaction.credentials import credentials_of_payload
from harness.source.routes.facts import Doubt, Known

if TYPE_CHECKING:
    from harness.source.routes.facts import Fact

LONGEST = 4000  # characters of one value
_RULES = 4  # rounds: taking out one key may break a rule of another


def without_what_is_refused(facts: dict[str, Fact], url: str = SHOWN_URL) -> dict[str, Fact]:
    """The facts, with what the file could not hold as doubts. `url` is the deployment's, as far as it is known."""
    facts = {key: _if_literal(key, fact) for key, fact in facts.items()}
    for _ in range(_RULES):
        refused = _refused(facts, url)
        if not refused:
            break
        for key, why in refused.items():
            read = facts[key]
            guess = read.value if key == "headers" and isinstance(read, Known) else None
            facts[key] = Doubt(f"what was read is refused: {why}", guess)
    return facts


def _if_literal(key: str, fact: Fact) -> Fact:
    if isinstance(fact, Doubt):
        is_fit = len(repr(fact.guess)) <= LONGEST and not expands(fact.guess)
        is_fit = is_fit and not any(credentials_of_payload(fact.guess))
        return fact if is_fit else Doubt(fact.why)
    if expands(fact.value):
        return Doubt(f"what was read ({fact.read_from}) holds ${{, which this file would expand")
    if key == "api.payload" and any(credentials_of_payload(fact.value)):
        return Doubt(f"what was read ({fact.read_from}) holds a credential: write ${{VARIABLE}}, never the value")
    if len(repr(fact.value)) > LONGEST:
        return Doubt(f"what was read ({fact.read_from}) has more than {LONGEST} characters")
    return fact


def expands(value: object) -> bool:
    """Whether a `${` stands in a value: then a variable of this machine would be put into what is sent."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(expands(key) or expands(item) for key, item in value.items())
    return isinstance(value, (list, tuple)) and any(map(expands, value))


def document_of(known: dict[str, Known]) -> dict[str, object]:
    """The known keys as the mapping that stands below `defaults`; credentials are each environment's own."""
    document: dict[str, object] = {}
    for key, fact in known.items():
        group, dot, name = key.partition(".")
        if key == "login":
            document["login"] = {"path": login_of(fact)[0]}
        elif key == "headers":
            continue
        elif dot:
            holder = document.setdefault(group, {})
            assert isinstance(holder, dict)
            holder[name] = fact.value
        else:
            document[group] = fact.value
    return document


def login_of(fact: Known) -> tuple[str, list[tuple[str, str]]]:
    """The path of a login, and its fields, each with what it is."""
    assert isinstance(fact.value, dict)
    return str(fact.value["path"]), list(fact.value["fields"])


def header_of(fact: Known) -> tuple[str, str]:
    """The name of a header, and what stands before the credential in it."""
    assert isinstance(fact.value, tuple)
    return str(fact.value[0]), str(fact.value[1])


def _refused(facts: dict[str, Fact], url: str) -> dict[str, str]:
    """The keys that the model of an environment refuses, each with its reason."""
    known = {key: fact for key, fact in facts.items() if isinstance(fact, Known)}
    document = {"name": "preview", "url": url, "database": SHOWN_DATABASE, **document_of(known)}
    if isinstance(document.get("login"), dict):
        document["login"] = {"path": login_of(known["login"])[0], "json": {"user": "x"}}
    if "headers" in known:
        document["headers"] = {header_of(known["headers"])[0]: "x"}
    try:
        Environment.model_validate(document)
    except ValidationError as error:
        found: dict[str, str] = {}
        for problem in error.errors(include_url=False, include_input=False):
            loc = [str(part) for part in problem["loc"]]
            said = str(problem["msg"]).removeprefix("Value error, ")
            group = [key for key in known if key == ".".join(loc[:2]) or key == loc[0]] if loc else []
            group = group or [key for key in known if loc and key.startswith(f"{loc[0]}.") and key.endswith("payload")]
            if not loc:  # credentials, which would be sent in clear
                group = [key for key in ("headers", "login") if key in known]
            found |= dict.fromkeys(group, said)
        return found
    return {}
