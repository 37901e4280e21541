"""Which claims there are: each stands once, in the first line of its check's docstring, under the check's own name.

Checks are read as text, since reading what is claimed must not import what asks it. The ids that other modules name
stand here, and nowhere else.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["deployment", "preflight", "source", "rollout"]

DEPLOYMENT_ANSWERS = "deployment_answers"
EVERY_POST_ANSWERS_201 = "every_post_answers_201"
POSTS_AT_ONCE_ANSWER_201 = "posts_at_once_answer_201"
REVISION_IS_THE_ONE_DEPLOYED = "revision_is_the_one_deployed"
TOKENS_ARE_DISTINCT = "tokens_are_distinct"


class OfRollout(StrEnum):
    """What a watch claims of its own POSTs: no file in checks/ asks these."""

    STEADY = "rollout_reaches_steady"
    OUTAGE = "rollout_outage_is_within_budget"
    LATENCY = "rollout_latency_is_within_budget"
    TOKENS = "rollout_tokens_are_short_then_v4"
    DISTINCT = "rollout_tokens_are_distinct"
    ROWS = "rollout_rows_agree"


Deliverable = Literal["token_is_made_by_postgres", "no_duplicate_key_error", "no_generator_in_source"]
DELIVERABLES: dict[Deliverable, tuple[str, ...]] = {
    "token_is_made_by_postgres": (
        "column_is_uuid",
        "column_is_not_null",
        "default_is_a_database_v4_generator",
        "nothing_overrides_the_default",
        "table_is_ordinary",
        "app_leaves_the_token_to_postgres",
        "client_cannot_choose_the_token",
        "tokens_are_version_4",
        "tokens_are_random",
        "rows_agree_with_answers",
        "stored_tokens_are_not_null",
        "stored_tokens_are_version_4",
        "stored_tokens_are_random",
    ),
    "no_duplicate_key_error": (
        EVERY_POST_ANSWERS_201,
        POSTS_AT_ONCE_ANSWER_201,
        TOKENS_ARE_DISTINCT,
        "ids_are_distinct",
        "tokens_differ_between_environments",
        "same_payload_makes_two",
        "token_is_unique_by_index",
        "stored_tokens_are_distinct",
        "id_sequence_is_not_behind",
    ),
    "no_generator_in_source": (
        "source_makes_no_token",
        "source_leaves_no_generator",
        "source_handles_no_collision",
        "source_insert",
        "source_schema_agrees",
        "source_migration_leaves_a_uuid",
    ),
}
"""What the change delivers, and the claims that prove each part of it."""
ON_DEMAND = frozenset(
    {
        REVISION_IS_THE_ONE_DEPLOYED,
        "latency_is_within_budget",
        "client_cannot_choose_the_token",
        "same_payload_makes_two",
        "tokens_differ_between_environments",
        *DELIVERABLES["no_generator_in_source"],
    }
)
"""Claims that are asked by choice; all others about a deployment are required."""
MAY_NOT_APPLY = frozenset(
    {
        "stored_tokens_are_not_null",  # an empty table
        "stored_tokens_are_version_4",
        "stored_tokens_are_random",
        "stored_tokens_are_distinct",
        "id_sequence_is_not_behind",  # ids that come from no sequence
        "source_schema_agrees",  # an app without schema files
        "source_migration_leaves_a_uuid",
    }
)
"""Claims that prove nothing, and need not, where they were asked and not covered: there is nothing to be wrong."""
_KINDS: dict[str, Kind] = {"test_preflight_": "preflight", "test_source_": "source"}


class Claim(NamedTuple):
    """A claim and the check that asks it.

    Attributes:
        id: the check's function name without `test_`.
        text: the claim in one sentence, without its full stop.
        why: why it is asked in this way: the rest of the docstring.
        kind: what it is a claim about, by the file's name.
        file: the name of the check's file.
        asks: the names of what the check is handed.
    """

    id: str
    text: str
    why: str
    kind: Kind
    file: str
    asks: frozenset[str]


def as_reported(claim: str) -> str:
    """The remedy of a claim that another one bars, which says itself what to do. It must have something to say."""
    return f"fix what {claim} reports"


def is_told_elsewhere(remedy: str) -> bool:
    """Whether a remedy sends a reader to another claim."""
    return remedy.startswith(as_reported("").removesuffix(" reports"))


def kind_of(file: Path) -> Kind:
    """What a file of checks verifies, by its name."""
    return next((kind for begin, kind in _KINDS.items() if file.name.startswith(begin)), "deployment")


def claims(folder: Path) -> list[Claim]:
    """All claims of a folder of checks, in the order of their files.

    Raises:
        SyntaxError: a file is not Python.
    """
    import ast  # documents need it; a run does not

    found = []
    for file in sorted(folder.glob("test_*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"), str(file))
        text, why = claim_of(ast.get_docstring(module) or "")
        found += [
            Claim(id_of(node.name), text, why, kind_of(file), file.name, frozenset(each.arg for each in node.args.args))
            for node in module.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
        ]
    return found


def ids_beside(folder: Path, kind: Kind) -> list[str]:
    """The ids of all checks that a run of a kind could have asked, in the order of their files.

    Preflight is of another moment: a run of it leaves nothing else out, and any other run leaves nothing of it out.
    Each run pays for this, so that no file is parsed.
    """
    return [
        id_of(function)
        for file in sorted(folder.glob("test_*.py"))
        if (kind_of(file) == "preflight") == (kind == "preflight")
        for function in re.findall(r"^def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]


def claim_of(docstring: str) -> tuple[str, str]:
    """The claim that a docstring of a check begins with, and the rest of it."""
    text, _, why = docstring.strip().partition("\n")
    return text.removesuffix("."), why.strip()


def id_of(function: str) -> str:
    """The id of the check that a function is."""
    return function.removeprefix("test_")
