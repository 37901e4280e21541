"""What the configuration refuses for safety's sake: credentials in clear, many POSTs by mistake, no authority."""

from pathlib import Path

import pytest

from harness.configuration.loading import load
from harness.configuration.models import is_loopback
from tests.support.environment_files import CANARY, loaded, refusal, with_keys, written
from tests.support.gates import run_harness, run_pytest
from tests.support.servers import certificate

CREDENTIALS = {
    "a header": "headers: {X-Api-Key: c4n4ry-s3cret}",
    "a cookie": "headers: {Cookie: sid=c4n4ry-s3cret}",
    "a query": "api: {create: '/api/chatbots?api_key=c4n4ry-s3cret'}",
    "the payload": "api: {payload: {name: '{name}', api_key: c4n4ry-s3cret}}",
    "a login": "login: {path: /login, json: {password: c4n4ry-s3cret}}",
}


def at(url: str, keys: str) -> str:
    return f"environments: {{preview: {{url: '{url}', database: null, {keys}}}}}\n"


@pytest.mark.parametrize("keys", CREDENTIALS.values(), ids=list(CREDENTIALS))
def test_credentials_do_not_leave_this_machine_in_clear(tmp_path: Path, keys: str) -> None:
    """Plain http to another host is refused before anything is sent, whatever carries the credential."""
    message = refusal(tmp_path, at("http://preview.example.com", keys))
    assert "FILE: environments.preview.url: " in message
    assert "would be sent in clear: url is plain http, and preview.example.com is not this machine." in message
    assert "Use https, or reach it through a tunnel on 127.0.0.1." in message
    assert CANARY not in message
    assert loaded(tmp_path, at("https://preview.example.com", keys))
    assert loaded(tmp_path, at("http://127.0.0.1:1", keys))


def test_a_password_in_a_plain_url_is_refused(tmp_path: Path) -> None:
    """It would be sent as Basic authentication."""
    message = refusal(tmp_path, at(f"http://user:{CANARY}@10.0.0.1", ""))
    assert "authorization would be sent in clear: url is plain http, and 10.0.0.1 is not this machine." in message
    assert CANARY not in message


def test_headers_that_carry_no_credential_may_travel_in_clear(tmp_path: Path) -> None:
    """Plain http alone is no mistake."""
    assert loaded(tmp_path, at("http://preview.example.com", "headers: {X-Team: bots, Accept-Language: en}"))


@pytest.mark.parametrize(
    ("host", "want"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST.", True),
        ("app.localhost", True),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("localhost.example.com", False),
        ("127.0.0.1.nip.io", False),
        ("example.com", False),
        ("", False),
    ],
)
def test_this_machine_is_known_by_address_or_reserved_name(host: str, want: bool) -> None:
    """A name that only looks like it is resolved by somebody else's DNS."""
    assert is_loopback(host) is want


def test_many_posts_to_a_protected_environment_need_to_be_meant(tmp_path: Path) -> None:
    """Above 200 posts + burst: exit 4 unless --allow-many is given; nothing was sent. `plan` says the same."""
    file = written(tmp_path, with_keys("protected: true, posts: 190, cleanup: keep, ready: {path: /, timeout_s: 0.2}"))
    gate = ["--environments", str(file), "--burst", "11"]
    said = f"{file}: environments.preview is protected, and posts + burst is 201: more than 200 need --allow-many."
    refused = run_pytest(tmp_path / "report", *gate)
    assert refused.exit_code == 4
    assert said in refused.err
    assert refused.verdict["error"].startswith(said)
    planned = run_harness("plan", *gate)
    assert (planned.exit_code, said in planned.err) == (4, True)
    for arguments in (("--allow-many",), ("--burst", "10"), ("--read-only",)):
        allowed = run_pytest(tmp_path / "report", *gate, *arguments)
        assert allowed.exit_code == 75, allowed.out + allowed.err  # nothing listens there
        assert run_harness("plan", *gate, *arguments).exit_code == 0


def test_many_posts_elsewhere_need_no_leave(tmp_path: Path) -> None:
    """Preview is there to be posted to."""
    file = written(tmp_path, with_keys("posts: 5000"))
    assert run_harness("plan", "--environments", str(file)).exit_code == 0


def test_production_is_protected_in_the_projects_own_file(request: pytest.FixtureRequest) -> None:
    """And Preview is not."""
    variables = dict.fromkeys(("PREVIEW_URL", "PRODUCTION_URL"), "https://h")
    variables |= dict.fromkeys(("PREVIEW_POSTGRES_URL", "POSTGRES_URL"), "postgres://u@h/d")
    both = load(request.config.rootpath / "environments.yaml", ["preview", "production"], environ=variables)
    assert [e.protected for e in both] == [False, True]


def test_a_ca_file_is_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    """A relative path starts at the folder of the file that names it, wherever the gate is run."""
    with certificate() as (_, chain):
        (tmp_path / "ours.pem").write_bytes(Path(chain).read_bytes())
    (preview,) = loaded(tmp_path, with_keys("ca_file: ours.pem"))
    assert preview.ca_file == tmp_path / "ours.pem"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.pem", None, "none.pem cannot be read: No such file or directory. Name a PEM file"),
        ("empty.pem", "", "empty.pem holds no certificate. Name a PEM file of the authorities to trust."),
        ("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "key.pem holds no certificate."),
    ],
)
def test_a_ca_file_that_names_nobody_is_refused(tmp_path: Path, name: str, content: str | None, said: str) -> None:
    """Before anything is sent: it would otherwise look like a fault of the deployment's certificate."""
    if content is not None:
        (tmp_path / name).write_text(content, encoding="ascii")
    message = refusal(tmp_path, with_keys(f"ca_file: {name}"))
    assert "environments.preview.ca_file: " in message
    assert said in message


@pytest.mark.parametrize("key", ["verify: false", "insecure: true", "verify_tls: false"])
def test_verification_cannot_be_turned_off(tmp_path: Path, key: str) -> None:
    """There is no such key: a typing error or a copied line ends the run."""
    assert "unknown key" in refusal(tmp_path, with_keys(key))
