"""Why an attempt did not end ok, and what to do where that says nothing about the create route."""

from __future__ import annotations

import re
from enum import StrEnum

from harness.history.in_front import remedy_of


class Problem(StrEnum):
    """Why an attempt did not end `ok`."""

    # Answered, but wrong: seen broken.
    WRONG_STATUS = "wrong status"
    REDIRECTED = "redirected"
    NOT_JSON = "not JSON"
    FIELD_MISSING = "field missing"
    TOO_LARGE = "too large"
    # No answer from a deployment that was ready: seen broken too, and a row may be stored.
    TIMED_OUT = "timed out"
    NO_ANSWER = "connection lost"
    CUT = "cut off"
    # Says nothing about the create route: could not tell.
    REFUSED = "connection refused"
    UNRESOLVED = "host not found"
    TLS = "TLS failed"
    UNAUTHORISED = "not authorised"
    FORBIDDEN = "forbidden"
    RATE_LIMITED = "rate limited"
    LOGIN_PAGE = "login page"
    PLACEHOLDER_PAGE = "placeholder page"
    IN_FRONT = "answered in its place"
    OTHER_KEY = "under another key"
    # The run ended before the outcome was written.
    NOT_RECORDED = "not recorded"


COULD_NOT_TELL = frozenset(
    {
        Problem.REFUSED,
        Problem.UNRESOLVED,
        Problem.TLS,
        Problem.UNAUTHORISED,
        Problem.FORBIDDEN,
        Problem.RATE_LIMITED,
        Problem.LOGIN_PAGE,
        Problem.PLACEHOLDER_PAGE,
        Problem.IN_FRONT,
        Problem.OTHER_KEY,
        Problem.NOT_RECORDED,
    }
)
_UNANSWERED = frozenset({Problem.TIMED_OUT, Problem.NO_ANSWER, Problem.CUT, Problem.NOT_RECORDED})
NEVER_SENT = frozenset({Problem.REFUSED, Problem.UNRESOLVED, Problem.TLS})

_REMEDIES = {
    Problem.UNAUTHORISED: "check headers and login of this environment",
    Problem.FORBIDDEN: "check the rights of the account in headers or login, and whether the route wants a CSRF token",
    Problem.RATE_LIMITED: "wait, lower posts and burst (of a soak, its rate), or exempt the harness by its User-Agent",
    Problem.LOGIN_PAGE: "check headers and login of this environment; api.create must not be behind a login page",
    Problem.PLACEHOLDER_PAGE: "check url and api.create, and that the deployment runs: this page is not the API",
    Problem.OTHER_KEY: "name the keys that the answer has",
    Problem.REFUSED: "check that the deployment still runs, and run again",
    Problem.UNRESOLVED: "check the host in url, and the name server of this machine",
    Problem.TLS: "renew the certificate, or check the host name in url",
    Problem.NOT_RECORDED: "the run was stopped: run it again",
}

# What OpenSSL says of a certificate or a handshake: (pattern, remedy).
_OF_TLS: tuple[tuple[str, str], ...] = (
    (
        (
            r"missing (authority|subject) key|(marked|not) critical|name empty|empty subject|does not include key usage"
            r"|keycertsign|path length|invalid ca cert|at least x509v3"
        ),
        "have the certificate, or its authority's, issued again with the extensions of RFC 5280 (key identifiers)",
    ),
    (
        r"too weak|md too weak|key too small|unsupported signature|signature algorithm",
        "have the certificate issued again with a modern key and signature (RSA from 2048 bits, or ECDSA; SHA-256)",
    ),
    (r"revoked", "have the certificate of the deployment issued again: its authority has revoked it"),
    (r"purpose|key usage", "have a certificate for servers issued (extended key usage: serverAuth)"),
    (r"has expired", "renew the certificate of the deployment (and check the clock of this machine)"),
    (r"not yet valid", "check the clock of this machine and the date on which the certificate begins"),
    (
        r"mismatch|not valid for",
        "use the host name in url that the certificate is for, or have one issued for this name",
    ),
    (
        r"self[- ]signed|unable to get (local )?issuer|unable to verify the first",
        "install the certificate of a public authority, with its chain; or name your own authority in ca_file",
    ),
    (r"wrong.version.number|http_request|record layer", "this port speaks no TLS: use http, or the port that does"),
)


def remedy_for(problem: Problem, error: str) -> str:
    """What to do about a problem; `error` is how the exchange ended in words, which tells certificates apart."""
    if problem is Problem.OTHER_KEY:  # the error ends in what to set
        return f"in environments.yaml, {error[error.find('set api.') :]}"
    if problem is Problem.IN_FRONT:
        return remedy_of(error)
    if problem is Problem.TLS:
        for pattern, remedy in _OF_TLS:
            if re.search(pattern, error, re.IGNORECASE):
                return remedy
    return _REMEDIES[problem]
