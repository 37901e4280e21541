"""What answers in a deployment's place is known by its headers and its shape, whichever status it has."""

from __future__ import annotations

import re

import pytest

from harness.history.in_front import SIGNS
from harness.history.problem import COULD_NOT_TELL, Problem, remedy_for
from tests.support.readings import read_answer

PAGE = "<!doctype html><html><head>{}</head><body>{}</body></html>"
BY_HEADER = [
    ("AWS WAF (x-amzn-waf-action: challenge)", 202, {"x-amzn-waf-action": "challenge"}, "let the harness through"),
    ("AWS WAF (x-amzn-waf-action: captcha)", 405, {"x-amzn-waf-action": "captcha"}, "let the harness through"),
    ("Cloudflare (cf-mitigated: challenge)", 403, {"cf-mitigated": "challenge"}, "let the harness through"),
    ("Vercel's firewall", 429, {"x-vercel-mitigated": "challenge"}, "let the harness through"),
    ("(x-vercel-error: DEPLOYMENT_NOT_FOUND)", 404, {"x-vercel-error": "DEPLOYMENT_NOT_FOUND"}, "check url"),
    ("(x-vercel-error: DEPLOYMENT_PAUSED)", 503, {"x-vercel-error": "DEPLOYMENT_PAUSED"}, "check url"),
    ("protection", 401, {"set-cookie": "_vercel_sso_nonce=x; Path=/"}, "add the header x-vercel-protection-bypass"),
    ("ngrok, whose tunnel", 404, {"ngrok-error-code": "ERR_NGROK_3200"}, "check that the tunnel runs"),
    ("ngrok's warning", 200, {"ngrok-error-code": "ERR_NGROK_6024"}, "add the header ngrok-skip-browser-warning"),
    ("Railway", 404, {"x-railway-fallback": "true"}, "check url"),
    ("Render", 404, {"x-render-routing": "no-server"}, "check url"),
    ("Cloud Foundry", 404, {"x-cf-routererror": "unknown_route"}, "check url"),
    ("tunnel or origin", 530, {"server": "cloudflare"}, "check that the tunnel runs"),
]
BY_SHAPE = [
    ("Cloudflare", 403, PAGE.format("<title>Just a moment...</title>", ""), "let the harness through"),
    ("a captcha", 200, PAGE.format("", '<div class="g-recaptcha" data-sitekey="x"></div>'), "let the harness through"),
    (
        "Heroku's page",
        404,
        PAGE.format("", '<iframe src="//www.herokucdn.com/error-pages/no-such-app.html"></iframe>'),
        "check url",
    ),
    ("Replit's page", 404, PAGE.format("", "<h1>This app isn\u2019t live yet</h1>"), "run or publish the app"),
    ("Replit's page", 200, PAGE.format("<title>Run this app to see the results here.</title>", ""), "run or publish"),
    ("no such app", 404, PAGE.format("<title>No such app</title>", ""), "check url"),
    ("Railway", 404, '{"status":"error","code":404,"message":"Application not found"}', "check url"),
    ("Netlify", 404, "Not Found - Request ID: 01ABC", "check url"),
    ("is stopped", 403, PAGE.format("", "<h2>This web app is stopped.</h2>"), "wake or resume it"),
]


@pytest.mark.parametrize(("what", "status", "headers", "remedy"), BY_HEADER)
def test_a_header_tells(what: str, status: int, headers: dict[str, str], remedy: str) -> None:
    """Whatever the body: could not tell, with what it is and what to do."""
    for body in ("", PAGE.format("", "x"), "{}"):
        reading = read_answer(status, body, headers)
        assert reading.problem is Problem.IN_FRONT
        assert reading.error.startswith(f"{status}, answered in its place by ")
        assert what in reading.error
        assert remedy_for(reading.problem, reading.error).startswith(remedy)
    assert Problem.IN_FRONT in COULD_NOT_TELL


@pytest.mark.parametrize(("what", "status", "body", "remedy"), BY_SHAPE)
def test_a_shape_tells(what: str, status: int, body: str, remedy: str) -> None:
    """Pages that platforms send have no header of their own."""
    reading = read_answer(status, body)
    assert reading.problem is Problem.IN_FRONT
    assert what in reading.error
    assert remedy_for(reading.problem, reading.error).startswith(remedy)


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (500, {"x-vercel-error": "FUNCTION_INVOCATION_FAILED"}, ""),
        (504, {"x-vercel-error": "FUNCTION_INVOCATION_TIMEOUT"}, ""),
        (404, {"x-vercel-error": "NOT_FOUND"}, "The page could not be found"),
        (502, {"x-railway-fallback": "true"}, '{"message":"Application failed to respond"}'),
        (404, {"server": "cloudflare"}, '{"error":"not found"}'),
        (500, {}, PAGE.format("<title>Just a moment...</title>", "")),
        (503, {}, PAGE.format("", '<iframe src="//www.herokucdn.com/error-pages/application-error.html">')),
        (403 + 6, {"cf-mitigated": "challenge"}, '{"error":"duplicate key value violates unique constraint"}'),
        (404, {}, '{"error":"no such app"}'),
    ],
)
def test_what_is_the_apps_own_is_a_failure(status: int, headers: dict[str, str], body: str) -> None:
    """A crash, a time-out and a route that is not there are not excused by where the app runs."""
    assert read_answer(status, body, headers).problem is Problem.WRONG_STATUS


def test_each_pattern_is_a_pattern() -> None:
    """Each sign has a header or a shape, and they can be searched for."""
    for sign in SIGNS:
        assert bool(sign.header) != bool(sign.body)
        re.compile(sign.value)
        re.compile(sign.body)
