"""Annotations of GitHub Actions: what the runner reads out of them, and that nothing else can give it a command."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.report.github import MOST, commands
from rehearsal.deployment.start import deployed
from rehearsal.servers.postgres import Postgres
from tests.support.gates import entry, run_gate, run_pytest, write_environments
from tests.support.servers import Request, serving
from tests.support.verdicts import check, row_left, verdict

HOSTILE = "x\n::error::y\r\n::set-output name=a::b\u2028##[error]z %0A::warning::100%,a:b \x1b[2J\x85::stop-commands::t"
ACTIONS = {"GITHUB_ACTIONS": "true"}


def read(line: str) -> tuple[str, str, str]:
    """Level, title and message, decoded as the runner does (actions/runner, ActionCommand.TryParseV2)."""
    found = re.fullmatch(r"::(?P<level>\w+) title=(?P<title>[^,:]*)::(?P<message>.*)", line)
    assert found, line

    def decoded(text: str, pairs: dict[str, str]) -> str:
        for code, character in pairs.items():
            text = text.replace(code, character)
        return text.replace("%25", "%")

    breaks = {"%0D": "\r", "%0A": "\n"}
    return (
        found["level"],
        decoded(found["title"], {**breaks, "%3A": ":", "%2C": ","}),
        decoded(found["message"], breaks),
    )


def obeyed(text: str) -> list[str]:
    """The lines of a job's log that the runner takes for commands: of the form of today, or of the one before."""
    return [line for line in re.split(r"\r\n|\r|\n", text) if line.lstrip().startswith("::") or "##[" in line]


# --- what is said -----------------------------------------------------------------------------------------------------


def test_a_failure_is_an_error_with_its_finding() -> None:
    """Its title is the claim, its message want, have, cause and remedy; what holds is not annotated."""
    lines = list(commands(verdict(check("pass", claim="It answers"), check("fail"), check("not_covered"))))
    message = "want: 2 distinct tokens%0Ahave: x twice%0Ahave: y twice%0Acause: a cause%0Aremedy: a remedy"
    assert lines == [f"::error title=[preview] No two share a token::{message}"]


def test_what_could_not_be_told_is_an_error_for_each_reason() -> None:
    """Three claims that one cause bars are one error; the same cause elsewhere is another."""
    unknown = [check("unknown", id=f"check_{n}", claim=f"Claim {n}") for n in range(3)]
    elsewhere = check("unknown", id="check_0", claim="Claim 0", environment="production")
    said = [read(line) for line in commands(verdict(*unknown, elsewhere, verdict="unknown", exit_code=75))]
    assert said == [
        (
            "error",
            "[preview] could not tell: Claim 0 (and 2 more)",
            "cause: a cause\nremedy: a remedy\nclaims: check_0, check_1, check_2",
        ),
        ("error", "[production] could not tell: Claim 0", "cause: a cause\nremedy: a remedy"),
    ]


def test_rows_left_behind_are_one_warning() -> None:
    """However many they are; the first few are named, also where everything else holds."""
    left = [row_left(f"smoke-r-{n}", reason="cleanup: keep") for n in range(5)]
    (said,) = commands(verdict(check("pass"), verdict="pass", exit_code=76, left_behind=left))
    level, title, message = read(said)
    assert (level, title) == ("warning", "rows of this run may be left behind: 5")
    assert message.splitlines()[0] == "row: preview smoke-r-0: cleanup: keep"
    assert message.splitlines()[-1].startswith("row: and more, see the job's summary")


def test_a_release_is_not_annotated() -> None:
    """There is nothing to act on."""
    assert list(commands(verdict(check("pass"), verdict="pass", exit_code=0))) == []


def test_what_is_waived_is_a_notice_for_each_reason() -> None:
    """With the reason, since nobody sees it otherwise beside a job that passed."""
    waived = [check("waived", id=f"check_{n}", claim=f"Claim {n}", cause="the boss says so") for n in range(2)]
    (said,) = commands(verdict(check("pass"), *waived, verdict="pass"))
    assert read(said) == (
        "notice",
        "[preview] waived: Claim 0 (and 1 more)",
        "reason: the boss says so\nclaims: check_0, check_1",
    )


def test_a_run_that_did_not_get_to_ask_says_why() -> None:
    """A mistake of the configuration; and a run that was interrupted, with nothing else to say."""
    (said,) = commands(verdict(verdict="unknown", exit_code=4, error="PREVIEW_URL is not set"))
    assert read(said) == (
        "error",
        "chatbots smoke: COULD NOT TELL",
        "PREVIEW_URL is not set\nexit 4: hold: fix the command line or the configuration; nothing was sent",
    )
    (said,) = commands(verdict(verdict="unknown", exit_code=2))
    assert read(said) == ("error", "chatbots smoke: COULD NOT TELL", "exit 2: hold: the run was interrupted")


@pytest.mark.parametrize("outcome", ["fail", "unknown"])
def test_no_more_are_printed_than_are_shown(outcome: str) -> None:
    """GitHub drops what is above ten of a level; the last one says what was left out, and where it is."""

    def said(number: int) -> list[str]:
        checks = [check(outcome, id=f"check_{n}", claim=f"Claim {n}", cause=f"cause {n}") for n in range(number)]
        return list(commands(verdict(*checks)))

    assert len(said(MOST)) == MOST
    assert "Claim 9" in said(MOST)[-1]
    many = said(30)
    assert len(many) == MOST
    _, title, message = read(many[-1])
    assert title == "and 21 more"
    assert "Claim 9" in message.splitlines()[0]
    assert message.splitlines()[-1] == "see the job's summary, or verdict.json in the report"


def test_a_long_finding_is_shortened() -> None:
    """The log of a job is no place for kilobytes of what a server sent."""
    (said,) = commands(verdict(check("fail", want="w" * 5000, have=["h" * 5000] * 50, cause="c" * 5000)))
    assert len(said) < 3000
    assert "have: and more, see" in said


# --- that nothing acts ------------------------------------------------------------------------------------------------


def test_what_a_server_sent_commands_nothing() -> None:
    """Each line is the one command that was meant, although the texts are full of others."""
    texts = {"claim": HOSTILE, "cause": HOSTILE, "remedy": HOSTILE}
    left = row_left(HOSTILE, reason=HOSTILE)
    of = verdict(
        check("fail", **texts, want=HOSTILE, have=[HOSTILE]),
        check("unknown", **texts),
        left_behind=[left],
        error=HOSTILE,
    )
    lines = list(commands(of))
    assert obeyed("\n".join(lines)) == lines
    assert [read(line)[0] for line in lines] == ["error", "error", "error", "warning"]
    for line in lines:
        _, title, message = read(line)
        assert obeyed(title) == []
        assert obeyed(message) == []
        assert line.isprintable()


@given(st.text(), st.text())
def test_every_text_comes_through_as_one_command(claim: str, have: str) -> None:
    """Whatever the characters are: one line, that decodes into title and message, which command nothing."""
    (line,) = commands(verdict(check("fail", claim=claim, have=[have])))
    level, title, message = read(line)
    assert (level, obeyed(title), obeyed(message)) == ("error", [], [])
    assert "\n".join(line.splitlines()) == line


# --- the real command -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["-q"], ["-qq", "--no-header", "--no-summary"], ["--color=yes"]])
def test_annotations_are_printed_under_actions(tmp_path: Path, postgres: Postgres, arguments: list[str]) -> None:
    """However little pytest is told to print: what is wrong first, then what that bars, and nothing else."""
    with deployed(postgres, "answers_200") as deployment:
        file = write_environments(tmp_path / "e.yaml", {}, preview=entry(deployment))
        run = run_pytest(tmp_path / "report", "--environments", str(file), *arguments, **ACTIONS)
    assert run.exit_code == 1, run.out
    said = [read(line) for line in obeyed(run.out)]
    failed = [c["claim"] for c in run.verdict["checks"] if c["outcome"] == "fail"]
    assert [title for _, title, _ in said[: len(failed)]] == [f"[preview] {claim}" for claim in failed]
    barred = [title for _, title, _ in said[len(failed) :]]
    assert barred
    assert all(title.startswith("[preview] could not tell: ") for title in barred)
    assert [level for level, _, _ in said] == ["error"] * len(said)


def test_annotations_are_for_actions_only(tmp_path: Path, postgres: Postgres) -> None:
    """No other reader is bothered with them."""
    with deployed(postgres, "answers_200") as deployment:
        run = run_gate(tmp_path, [deployment], "-k", "every_post")
    assert run.exit_code == 1, run.out
    assert obeyed(run.out) == []


def test_a_mistake_of_the_configuration_is_annotated(tmp_path: Path) -> None:
    """It ends the run before pytest has anything to sum up."""
    run = run_pytest(tmp_path / "report", "--env", "preview", **ACTIONS)
    assert run.exit_code == 4
    (said,) = obeyed(run.out)
    level, title, message = read(said)
    assert (level, title) == ("error", "chatbots smoke: COULD NOT TELL")
    assert "PREVIEW_URL is not set" in message


def test_what_a_server_echoes_is_masked_and_commands_nothing(tmp_path: Path) -> None:
    """Its 500s bring the header that they were sent, in workflow commands: they are quoted, and the header masked."""
    canary = "canary-header-5db1"

    def answer(request: Request) -> bool:
        body = f"\n::error::{request.headers['x-api-key']}\n##[error]x\n::stop-commands::t\n"
        request.answer("200 OK" if request.method == "GET" else "500 Oops", body.encode())
        return True

    with serving(answer) as server:
        deployment = {"url": server.url, "database": None, "headers": {"X-Api-Key": canary}}
        file = write_environments(tmp_path / "e.yaml", {}, preview=deployment)
        run = run_pytest(tmp_path / "report", "--environments", str(file), **ACTIONS)
    assert run.exit_code == 1, run.out
    titles = [read(line)[1] for line in obeyed(run.out)]
    assert titles[0] == "[preview] Every POST returns 201 with an id and a token"
    assert "***" in read(obeyed(run.out)[0])[2]
    assert canary not in run.out + run.err
