"""Hand-written attempts and histories, right unless they are told otherwise."""

from typing import Any

from harness.history.attempt import Attempt
from harness.history.history import History
from harness.history.problem import Problem

TOKENS = [f"{n:08x}-7c35-4b8e-9d2f-6a4c8f3a1b20" for n in range(100)]


def ok(n: int, **but: Any) -> Attempt:
    """An acknowledged attempt."""
    right = {
        "n": n,
        "name": f"smoke-r-{n}",
        "phase": "sequence",
        "outcome": "ok",
        "started_s": float(n),
        "ended_s": n + 0.5,
        "status": 201,
        "id": str(n),
        "token": TOKENS[n],
    }
    return Attempt(**{**right, **but})


def failed(n: int, status: int = 500, evidence: str = "", **but: Any) -> Attempt:
    """An attempt that was answered, but wrongly."""
    wrong = {"outcome": "fail", "problem": Problem.WRONG_STATUS, "status": status, "id": None, "token": None}
    return ok(n, **{**wrong, "evidence": evidence, "error": f"{status}, want 201", **but})


def unanswered(n: int, problem: Problem = Problem.TIMED_OUT, error: str = "no whole answer within 10 s") -> Attempt:
    """An attempt without an answer."""
    return ok(n, outcome="unknown", problem=problem, status=None, id=None, token=None, error=error)


def history(*attempts: Attempt, environment: str = "preview") -> History:
    """These attempts on an environment."""
    return History(environment, attempts)
