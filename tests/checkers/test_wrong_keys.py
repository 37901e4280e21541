"""Every POST that is refused alike: the key that explains it is named, with the field that the body names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.checkers.wrong_keys import cause_of, refused_fields, wrong_key
from harness.history.problem import Problem
from tests.support.histories import failed, history, ok

CUT = json.dumps({"message": "title is required", "stack": "x" * 4000})[:2000]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        pytest.param({"errors": [{"path": "title", "msg": "Invalid value", "location": "body"}]}, ["title"], id="ev7"),
        pytest.param({"errors": [{"param": "title", "msg": "Invalid value"}]}, ["title"], id="ev6"),
        pytest.param(
            {"detail": [{"type": "missing", "loc": ["body", "title"], "msg": "Field required"}]},
            ["title"],
            id="fastapi",
        ),
        pytest.param({"message": "title is required"}, ["title"], id="plain"),
        pytest.param({"error": "name is missing"}, ["name"], id="rehearsal"),
        pytest.param({"error": "Missing required field: bot_name"}, ["bot_name"], id="missing"),
        pytest.param({"message": '"title" is required', "statusCode": 400}, ["title"], id="joi"),
        pytest.param(
            {"message": ["title should not be empty", "plan must be a string"], "error": "Bad Request"},
            ["title", "plan"],
            id="nest",
        ),
        pytest.param(
            {"message": "body must have required property 'title'", "code": "FST_ERR_VALIDATION"},
            ["title"],
            id="fastify",
        ),
        pytest.param(
            {"error": {"formErrors": [], "fieldErrors": {"title": ["Required"], "plan": ["Invalid input"]}}},
            ["title", "plan"],
            id="zod flatten",
        ),
        pytest.param(
            {"error": {"issues": [{"code": "invalid_type", "path": ["bot", "title"], "message": "Required"}]}},
            ["bot.title"],
            id="zod",
        ),
        pytest.param({"errors": {"title": ["can't be blank"]}}, ["title"], id="rails"),
        pytest.param(
            {"message": "The title field is required.", "errors": {"title": ["The title field is required."]}},
            ["title"],
            id="laravel",
        ),
        pytest.param({"title": ["This field is required."]}, ["title"], id="drf"),
        pytest.param({"errors": {"title": {"kind": "required", "message": "Path"}}}, ["title"], id="mongoose"),
        pytest.param({"errors": [{"source": {"pointer": "/data/attributes/title"}}]}, ["title"], id="json:api"),
        pytest.param({"error": "Bad Request"}, [], id="nothing"),
        pytest.param({"error": "Validation failed"}, [], id="no field"),
        pytest.param([], [], id="list"),
    ],
)
def test_the_field_that_a_body_names(body: Any, fields: list[str]) -> None:
    """In the shapes of the usual validators."""
    assert refused_fields(json.dumps(body))[0] == fields


@pytest.mark.parametrize("body", ["", "<html><p>title is required</p></html>", "[" * 2000, '{"a":' * 300, "\0"])
def test_a_body_that_names_none(body: str) -> None:
    """Whatever a server sends is read to an end."""
    assert refused_fields(body)[0] == []


def test_a_body_that_is_cut_off_is_read_as_words() -> None:
    """The history keeps its start only."""
    assert refused_fields(CUT)[0] == ["title"]


@pytest.mark.parametrize(
    ("status", "key", "remedy"),
    [
        (404, "api.create", "set api.create to the route"),
        (405, "api.create", "set api.create to the route"),
        (400, "api.payload", "set title in api.payload"),
        (422, "api.payload", "set title in api.payload"),
        (415, "headers", "set headers of this environment"),
    ],
)
def test_the_key_that_explains_it(status: int, key: str, remedy: str) -> None:
    """Every POST has this one status."""
    found = wrong_key(history(*(failed(n, status, '{"message":"title is required"}') for n in (1, 2, 3))))
    assert found is not None
    assert found.key == key
    assert found.remedy.startswith(remedy)
    assert f"every POST was answered {status}" in found.cause


@pytest.mark.parametrize("wanted", [201, 200])
def test_a_redirect_names_its_target_whatever_status_is_wanted(wanted: int) -> None:
    """`api.status` decides what an answer is compared with, and not whether the key is found."""
    error = f"308: redirected to /api/chatbots/, want {wanted}: set api.create: /api/chatbots/"
    key = wrong_key(history(*(failed(n, 308, problem=Problem.REDIRECTED, error=error) for n in (1, 2))))
    assert key is not None
    assert key.key == "api.create"
    assert key.remedy == "set api.create: /api/chatbots/"
    assert key.cause.startswith("every POST was answered 308: redirected to /api/chatbots/. ")


def test_where_no_key_explains_it() -> None:
    """One that was acknowledged, another status, or none; and what the database says tells more."""
    assert wrong_key(history()) is None
    assert wrong_key(history(failed(1, 404), ok(2))) is None
    assert wrong_key(history(failed(1, 404), failed(2, 400))) is None
    assert wrong_key(history(failed(1, 500), failed(2, 500))) is None
    of_postgres = [failed(n, 400, "duplicate key value violates unique constraint") for n in (1, 2)]
    assert "the original bug" in cause_of(history(*of_postgres), of_postgres, "public_token").cause
