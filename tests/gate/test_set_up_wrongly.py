"""The real gate on a deployment that works and is described wrongly: the key is named, and what to do is to set it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rehearsal.deployment.start import deployed
from tests.support.gates import entry, run_gate, run_pytest, write_environments
from tests.support.servers import creating, serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run
    from tests.support.servers import Request

WRONG_ROUTE = {"create": "/api/chatbot"}
FEW: dict[str, Any] = {"posts": 2, "burst": 2, "probes": []}


def first_action(run: Run) -> tuple[str, str]:
    """What to do first, and with what."""
    action = run.verdict["actions"][0]
    return action["kind"], action["text"]


@pytest.mark.parametrize(
    ("api", "cause", "remedy"),
    [
        pytest.param(
            WRONG_ROUTE, "every POST was answered 404: nothing is there", "set api.create to the route", id="404"
        ),
        pytest.param(
            {"create": "/healthz"},
            "every POST was answered 405: this route takes",
            "set api.create to the",
            id="405",
        ),
        pytest.param(
            {"payload": {"title": "{name}"}},
            "every POST was answered 400 (name is missing): the route does not take what api.payload sends for name",
            "set name in api.payload as the route wants",
            id="400",
        ),
    ],
)
def test_the_key_that_explains_every_refusal_is_named(
    tmp_path: Path, postgres: Postgres, api: dict[str, Any], cause: str, remedy: str
) -> None:
    """Exit 1 as before: it may be the deployment. What to do first is to set the key, since it never worked so."""
    with deployed(postgres) as app:
        run = run_gate(tmp_path, [app], "-k", "answers_201 or at_once", api=api, **FEW)
    assert run.exit_code == 1, run.out
    for claim in ("every_post_answers_201", "posts_at_once_answer_201"):
        check = run.check(claim)
        assert check["cause"].startswith(cause)
        assert check["remedy"].startswith(remedy)
    kind, text = first_action(run)
    assert kind == "configure"
    assert text.startswith(remedy)


def test_what_was_acknowledged_before_is_rolled_back(tmp_path: Path, postgres: Postgres) -> None:
    """The run log knows that the settings are right; it does not know them of another route, or another payload."""
    reports = tmp_path / "reports"

    def run_on(app: Deployment, folder: str, **api: Any) -> Run:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(app, api=api, **FEW))
        return run_pytest(reports / folder, "--environments", str(file), "-k", "answers_201")

    with deployed(postgres) as app:
        assert run_on(app, "1").exit_code == 0
        assert first_action(run_on(app, "2", **WRONG_ROUTE))[0] == "configure"
    with deployed(postgres, "create_route_is_missing") as app:
        run = run_on(app, "3")
        assert (run.exit_code, first_action(run)[0]) == (1, "roll_back"), run.out
        assert first_action(run_on(app, "4", **WRONG_ROUTE))[0] == "configure"


def test_another_environment_that_works_tells_that_the_settings_are_right(tmp_path: Path, postgres: Postgres) -> None:
    """Of two environments with the same settings only one has lost its route: that is the deployment's doing."""
    with deployed(postgres) as app, deployed(postgres, "create_route_is_missing", name="production") as other:
        run = run_gate(tmp_path, [app, other], "-k", "answers_201", **FEW)
    assert run.exit_code == 1
    assert first_action(run)[0] == "roll_back"
    assert run.verdict["actions"][0]["environments"] == ["production"]


def answering(status: str, body: str, *headers: str) -> Callable[[Request], bool]:
    """A server whose pages are up, and that answers every POST so."""

    def answer(request: Request) -> bool:
        if request.method == "GET":
            return creating(request)
        request.answer(status, body.encode(), *headers)
        return True

    return answer


def posted_to(folder: Path, answer: Callable[[Request], bool | None], *arguments: str, **settings: Any) -> Run:
    """The gate on a server of this test."""
    with serving(answer) as server:
        of = {"url": server.url, "database": None, "cleanup": "keep", **FEW, **settings}
        file = write_environments(folder / "e.yaml", {}, preview=of)
        return run_pytest(folder / "report", "--environments", str(file), *arguments)


@pytest.mark.parametrize(
    ("answer", "cause", "remedy"),
    [
        pytest.param(
            answering("404 Not Found", "The deployment could not be found", "x-vercel-error: DEPLOYMENT_NOT_FOUND"),
            "404, answered in its place by Vercel's page of a deployment that does not exist, is not ready or is "
            "paused",
            "check url, and that this deployment is there and running",
            id="platform",
        ),
        pytest.param(
            answering("202 Accepted", "", "x-amzn-waf-action: challenge"),
            "202, answered in its place by a challenge of AWS WAF (x-amzn-waf-action: challenge)",
            "let the harness through, by its User-Agent",
            id="challenge",
        ),
        pytest.param(
            answering(
                "403 Forbidden", '{"error": "CSRF token missing for k3y-of-ours"}', "content-type: application/json"
            ),
            "403: the request was refused (CSRF token missing for ***)",
            "check the rights of the account in headers or login, and whether the route wants a CSRF token",
            id="csrf",
        ),
    ],
)
def test_what_answers_in_its_place_is_named(
    tmp_path: Path, answer: Callable[[Request], bool | None], cause: str, remedy: str
) -> None:
    """Could not tell, with what it is and what to do; our own secrets are masked in it."""
    run = posted_to(tmp_path, answer, "-k", "answers_201", headers={"X-Api-Key": "k3y-of-ours"})
    assert run.exit_code == 75, run.out
    check = run.check("every_post_answers_201")
    assert cause in check["cause"]
    assert check["remedy"].startswith(remedy)
    assert first_action(run)[0] == "fix_setup"


@pytest.mark.parametrize(
    ("status", "location", "remedy"),
    [
        ("308 Permanent Redirect", "/api/chatbots/", "set api.create: /api/chatbots/"),
        (
            "301 Moved",
            "https://127.0.0.1/api/chatbots",
            "set url: https://127.0.0.1; check first that this is your own",
        ),
        (
            "307 Temporary Redirect",
            "http://localhost:1/v2/bots",
            "set url: http://localhost:1, api.create: /v2/bots; check",
        ),
    ],
)
def test_the_target_of_a_redirect_is_what_to_write(tmp_path: Path, status: str, location: str, remedy: str) -> None:
    """Exit 1 as before; the remedy can be pasted."""
    run = posted_to(tmp_path, answering(status, "", f"Location: {location}"), "-k", "answers_201")
    assert run.exit_code == 1, run.out
    check = run.check("every_post_answers_201")
    assert check["cause"].startswith(f"every POST was answered {status[:3]}: redirected to {location}. ")
    assert check["remedy"].startswith(remedy)
    assert first_action(run)[0] == "configure"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"url": "http://127.0.0.1:9", "ready": {"timeout_s": 1}}, 75), ({"api": WRONG_ROUTE}, 1), ({"posts": "x"}, 4)],
    ids=["75", "1", "4"],
)
def test_a_run_names_the_doctor_once(tmp_path: Path, postgres: Postgres, wrong: dict[str, Any], code: int) -> None:
    """Where the setup may be wrong, and in one short line."""
    with deployed(postgres) as app:
        file = write_environments(tmp_path / "e.yaml", {}, preview={**entry(app, **FEW), **wrong})
        run = run_pytest(tmp_path / "report", "--environments", str(file), "-k", "answers_201")
    assert run.exit_code == code, run.out + run.err
    assert (run.out + run.err).count("run chatbots-smoke doctor --env preview\n") == 1
