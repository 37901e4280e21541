"""The catalogue of faults, and the decorator that puts one into it.

    @fault(fail=["tokens_are_distinct"])
    def reuses_token(plan: Plan) -> None:
        \"\"\"The lie, in a sentence or two.\"\"\"

The function changes a fresh plan in place. Its name is the fault's name, its docstring the lie, the module it lives in
the fault's area. `fail` and `unknown` name the claims about a deployment that must come out so; every other claim must
hold. A fault is deterministic: every third, never random.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from rehearsal.deployment.plan import Plan
from rehearsal.names import look_up
from rehearsal.servers.programs import UNAVAILABLE, left_out

Outcome = Literal["fail", "unknown"]

HELD, BROKEN, COULD_NOT_TELL = 0, 1, 75  # exit codes of a gate

# What is claimed of a deployment, by what a claim needs in order to be judged.
ABOUT_ACKNOWLEDGED = (  # at least one POST that was answered as asked
    "tokens_are_version_4",
    "tokens_are_random",
    "tokens_are_distinct",
    "tokens_differ_between_environments",
    "ids_are_distinct",
    "rows_agree_with_answers",
    "app_leaves_the_token_to_postgres",
    "client_cannot_choose_the_token",
    "same_payload_makes_two",
)
ON_DEMAND = (  # asked only of whoever wants them asked
    "client_cannot_choose_the_token",
    "same_payload_makes_two",
    "latency_is_within_budget",
)
ABOUT_POSTS = ("every_post_answers_201", "posts_at_once_answer_201", *ABOUT_ACKNOWLEDGED)
ABOUT_SCHEMA = (
    "column_is_uuid",
    "column_is_not_null",
    "default_is_a_database_v4_generator",
    "nothing_overrides_the_default",
    "token_is_unique_by_index",
    "table_is_ordinary",
)
ABOUT_STORED = (
    "stored_tokens_are_distinct",
    "stored_tokens_are_not_null",
    "stored_tokens_are_version_4",
    "stored_tokens_are_random",
)
ABOUT_DATABASE = (*ABOUT_SCHEMA, *ABOUT_STORED, "id_sequence_is_not_behind", "app_leaves_the_token_to_postgres")
ABOUT_SERVING = ("deployment_answers", "revision_is_the_one_deployed")
CLAIMS = tuple(dict.fromkeys((*ABOUT_SERVING, *ABOUT_POSTS, *ON_DEMAND, *ABOUT_DATABASE)))


@dataclass(frozen=True)
class Fault:
    """One named way of being broken."""

    name: str
    lie: str
    area: str
    catches: dict[str, Outcome]  # claim -> how it must come out; every claim that is not named must hold
    exit_code: int  # of a gate that asks all claims
    breaks: Callable[[Plan], None]


FAULTS: dict[str, Fault] = {}


class BadEntry(Exception):
    """A fault is not written as the catalogue wants it."""


def fault(
    *,
    fail: Iterable[str] = (),
    unknown: Iterable[str] = (),
    exit_code: int | None = None,
    needs: str | None = None,
) -> Callable[[Callable[[Plan], None]], Callable[[Plan], None]]:
    """Puts the decorated function into the catalogue, unless it needs a program that is not installed.

    The exit code follows from the outcomes unless it is given.
    """
    catches: dict[str, Outcome] = {}
    for claim in unknown:
        catches[claim] = "unknown"
    for claim in fail:
        catches[claim] = "fail"

    def enter(breaks: Callable[[Plan], None]) -> Callable[[Plan], None]:
        name = breaks.__name__
        if unknown_claims := sorted(set(catches) - set(CLAIMS)):
            raise BadEntry(
                f"{name}: unknown claims {unknown_claims}: add them to a group of rehearsal/faults/catalogue.py"
            )
        if name in FAULTS or not breaks.__doc__ or not catches:
            raise BadEntry(f"{name}: needs a name of its own, a docstring and claims that catch it")
        if left_out(name, needs):
            return breaks
        FAULTS[name] = Fault(
            name=name,
            lie=" ".join(inspect.cleandoc(breaks.__doc__).split()),
            area=breaks.__module__.rpartition(".")[2],
            catches=catches,
            exit_code=exit_code if exit_code is not None else BROKEN if "fail" in catches.values() else COULD_NOT_TELL,
            breaks=breaks,
        )
        return breaks

    return enter


def fault_named(name: str) -> Fault:
    """The fault of this name. Raises UnknownName, with the nearest name."""
    return look_up("fault", name, FAULTS, UNAVAILABLE)
