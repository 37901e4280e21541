"""The healthy deployment answers as its specification says, and the unusual ones as theirs."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import requests

from rehearsal.deployment.plan import REVISION
from rehearsal.deployment.start import deployed
from rehearsal.servers.postgres import embedded_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with embedded_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def healthy(server: Postgres) -> Iterator[Deployment]:
    with deployed(server) as deployment:
        yield deployment


def post(deployment: Deployment, name: str = "a chatbot", **more: Any) -> requests.Response:
    return requests.post(
        f"{deployment.url}/api/chatbots",
        json={"name": name, "require_auth": False},
        timeout=30,
        allow_redirects=False,
        **more,
    )


def stored(deployment: Deployment, name: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(deployment.database) as connection:
        query = "select id, public_token from chatbots where name = %s"
        return connection.execute(query, [name]).fetchall()


def test_a_post_answers_what_it_stored(healthy: Deployment) -> None:
    """201, and id and token of the answer are those of the one row of that name."""
    response = post(healthy, "stored")
    body = response.json()
    assert response.status_code == 201
    assert set(body) == {"id", "name", "public_token", "require_auth"}
    assert uuid.UUID(body["public_token"]).version == 4
    assert stored(healthy, "stored") == [(body["id"], uuid.UUID(body["public_token"]))]


def test_posts_at_once_are_all_answered(healthy: Deployment) -> None:
    """32 POSTs at the same time, more than the pool has connections, get 32 ids and 32 tokens."""
    with ThreadPoolExecutor(32) as threads:
        bodies = [response.json() for response in threads.map(lambda n: post(healthy, f"at once {n}"), range(32))]
    assert len({body["id"] for body in bodies}) == 32
    assert len({body["public_token"] for body in bodies}) == 32


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"name": 7}', b'{"name": ""}', b'{"name": "a", "require_auth": "yes"}']
)
def test_a_bad_payload_is_the_clients_fault(healthy: Deployment, body: bytes) -> None:
    """400 with a reason in JSON."""
    response = requests.post(f"{healthy.url}/api/chatbots", data=body, timeout=30)
    assert response.status_code == 400
    assert response.json()["error"]


def test_a_chatbot_can_be_deleted_once(healthy: Deployment) -> None:
    """204 and the row is gone; 404 from then on."""
    address = f"{healthy.url}/api/chatbots/{post(healthy, 'deleted').json()['id']}"
    assert requests.delete(address, timeout=30).status_code == 204
    assert stored(healthy, "deleted") == []
    assert requests.delete(address, timeout=30).status_code == 404


@pytest.mark.parametrize("path", ["/", "/healthz"])
def test_the_pages_name_the_revision(healthy: Deployment, path: str) -> None:
    """Both pages answer with the revision that was deployed."""
    response = requests.get(healthy.url + path, timeout=30)
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "revision": REVISION}


def test_deployments_share_nothing(server: Postgres, healthy: Deployment) -> None:
    """A second deployment has its own address and its own database."""
    with deployed(server, name="production", revision="abc1234") as production:
        post(production, "only in production")
        assert production.url != healthy.url
        assert stored(healthy, "only in production") == []
        assert len(stored(production, "only in production")) == 1
        assert requests.get(production.url, timeout=30).json()["revision"] == "abc1234"


def test_many_deployments_start_at_the_same_time(server: Postgres) -> None:
    """From eight threads at once, healthy and broken, each gets its own."""

    def posted(fault: str | None) -> int:
        with deployed(server, fault=fault) as deployment:
            return post(deployment).status_code

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(posted, [None, "answers_200"] * 4)) == [201, 200] * 4


def test_an_error_of_the_database_is_a_500_that_names_it(server: Postgres) -> None:
    """The answer carries the message and the SQLSTATE."""
    with deployed(server, fault="old_code_on_the_new_schema") as deployment:
        response = post(deployment)
    assert response.status_code == 500
    assert "22P02" in response.json()["error"]


def test_the_bearer_token_is_needed(server: Postgres) -> None:
    """401 without it, 201 with the headers that the deployment's settings name."""
    with deployed(server, variant="bearer_auth") as deployment:
        assert post(deployment).status_code == 401
        assert post(deployment, headers=deployment.settings["headers"]).status_code == 201


def test_the_login_is_needed(server: Postgres) -> None:
    """Redirected without the cookie, 201 with the one that the login of the deployment's settings gives."""
    with deployed(server, variant="login_with_a_cookie") as deployment:
        login = deployment.settings["login"]
        answer = requests.post(deployment.url + login["path"], json=login["json"], timeout=30)
        wrong = requests.post(deployment.url + login["path"], json={}, timeout=30)
        assert post(deployment).status_code == 302
        assert wrong.status_code == 401
        assert post(deployment, cookies=answer.cookies).status_code == 201
