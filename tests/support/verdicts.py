"""Hand-written results and verdicts, of one failed run on preview unless they are told otherwise."""

from typing import Any

from harness.report.verdict import CheckResult, EnvironmentVerdict, LeftBehind, Verdict


def check(outcome: Any = "fail", **but: Any) -> CheckResult:
    """A check's result."""
    right: dict[str, Any] = {"id": "tokens_are_distinct", "environment": "preview", "claim": "No two share a token"}
    if outcome != "pass":
        right |= {"cause": "a cause", "remedy": "a remedy"}
    if outcome == "fail":
        right |= {"want": "2 distinct tokens", "have": ["x twice", "y twice"]}
    return CheckResult(**{**right, "outcome": outcome, **but})


def row_left(name: str = "smoke-r-1", **but: Any) -> LeftBehind:
    """A row that may be left behind on preview."""
    return LeftBehind(**{"environment": "preview", "name": name, "reason": "cleanup: keep", **but})


def verdict(*checks: CheckResult, **but: Any) -> Verdict:
    """A verdict on preview; `environment` is what is otherwise of it."""
    conclusion = but.pop("verdict", "fail")
    environment = {"name": "preview", "url": "http://h", "verdict": conclusion, **but.pop("environment", {})}
    return Verdict(
        **{
            "verdict": conclusion,
            "exit_code": {"pass": 0, "fail": 1, "unknown": 75}[conclusion],
            "run": "r",
            "started_at": "2025-01-01T00:00:00+00:00",
            "duration_s": 1.0,
            "environments": [EnvironmentVerdict(**environment)],
            "checks": list(checks),
            **but,
        }
    )
