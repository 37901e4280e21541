"""What stands in front of a deployment and answers in its place: firewalls, tunnels, platforms. One table of signs.

Such an answer says nothing about the create route, whichever status it has. Signs are headers that only these send, and
shapes of their pages; the patterns are linear in what they are run over.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_READ = 16_384  # characters of a body: pages of these are small, or begin with what tells
_LONGEST_CODE = 60  # characters of a header that are shown


class Sign(NamedTuple):
    """How an answer in a deployment's place is known: by a header whose value matches, and by its body.

    Attributes:
        what: answered, in words.
        remedy: what to do about it.
        header: that it has; "" where the body tells.
        value: what the header matches.
        body: what the body matches; "" where the header tells.
        statuses: that it has; any where none are named.
        html: whether the body is a page.
    """

    what: str
    remedy: str
    header: str = ""
    value: str = ""
    body: str = ""
    statuses: tuple[int, ...] = ()
    html: bool = True


_CHALLENGE = "let the harness through, by its User-Agent (chatbots-smoke/..), its address, or a header that you set"
_DEPLOY = "check url, and that this deployment is there and running"
_TUNNEL = "check that the tunnel runs, that it leads to the app, and that url is its current address"
_WAKE = "wake or resume it, and run again; or raise ready.timeout_s"

SIGNS: tuple[Sign, ...] = (
    # Challenges and captchas.
    Sign("a challenge of AWS WAF", _CHALLENGE, "x-amzn-waf-action", r"captcha|challenge"),
    Sign("a challenge of Cloudflare", _CHALLENGE, "cf-mitigated", r"challenge"),
    Sign("a challenge or refusal of Vercel's firewall", _CHALLENGE, "x-vercel-mitigated", r"challenge|deny"),
    Sign("a refusal of Sucuri's firewall", _CHALLENGE, "x-sucuri-block", r"."),
    Sign("a challenge of DataDome", _CHALLENGE, "x-datadome", r".", statuses=(401, 403, 405, 429)),
    Sign("a challenge of Cloudflare", _CHALLENGE, body=r"_cf_chl_opt\b|<title>Just a moment"),
    Sign("a challenge of AWS WAF", _CHALLENGE, body=r"awswaf\.com/|window\.awsWafCookieDomainList"),
    Sign("a challenge of Imperva", _CHALLENGE, body=r"_Incapsula_Resource"),
    Sign(
        "a captcha",
        _CHALLENGE,
        body=r"class=[\"'][^\"'<>]{0,80}\b(?:g-recaptcha|h-captcha|cf-turnstile)\b",
        statuses=(200, 202, 401, 403, 405, 429, 503),
    ),
    # Platforms that have no such deployment, or do not let anybody to it. FUNCTION_.. and NOT_FOUND are the app's own.
    Sign(
        "Vercel's page of a deployment that does not exist, is not ready or is paused",
        _DEPLOY,
        "x-vercel-error",
        r"DEPLOYMENT_|DNS_HOSTNAME_",
    ),
    Sign(
        "Vercel's deployment protection",
        "add the header x-vercel-protection-bypass with the project's secret to headers",
        "set-cookie",
        r"_vercel_sso_nonce=",
        statuses=(401,),
    ),
    Sign(
        "Railway, which has no such app or is still waking it", _DEPLOY, "x-railway-fallback", r"true", statuses=(404,)
    ),
    Sign(
        "Railway, which has no such app or is still waking it",
        _DEPLOY,
        body=r"\"message\"\s{0,5}:\s{0,5}\"Application not found\"",
        statuses=(404,),
        html=False,
    ),
    Sign("Render, which serves no such app", _DEPLOY, "x-render-routing", r"no-server|suspend|hibernate|rate-limit"),
    Sign("an ingress that has no such route", _DEPLOY, body=r"^default backend - 404", statuses=(404,), html=False),
    Sign("Cloud Foundry, which has no such route", _DEPLOY, "x-cf-routererror", r"unknown_route"),
    Sign("Heroku's page of an app that does not exist", _DEPLOY, body=r"herokucdn\.com/error-pages/no-such-app"),
    Sign("Heroku's page of an app under maintenance", _WAKE, body=r"herokucdn\.com/error-pages/maintenance-mode"),
    Sign("Render's page of a suspended service", _WAKE, body=r"This service has been suspended"),
    Sign("Netlify, which has no such site", _DEPLOY, body=r"^Not Found - Request ID: ", statuses=(404,), html=False),
    Sign("Azure's page of an app that does not exist", _DEPLOY, body=r"404 Web Site not found|404 - Web app not found"),
    Sign("Azure's page of an app that is stopped", _WAKE, body=r"This web app (?:is|has been) stopped"),
    Sign(
        "Replit's page of an app that does not run",
        "run or publish the app, and check that url is the address of its deployment",
        body=r"Run this (?:app|repl) to see the results|This (?:repl|app) isn.{1,6}t live|couldn.{1,6}t reach this app",
    ),
    Sign("a platform that has no such app", _DEPLOY, body=r"<(?:title|h1)>\s{0,9}no such app\b", statuses=(404,)),
    # Tunnels.
    Sign(
        "ngrok's warning for browsers",
        "add the header ngrok-skip-browser-warning: 1 to headers",
        "ngrok-error-code",
        r"ERR_NGROK_6024",
    ),
    Sign("ngrok, whose tunnel does not lead to the app", _TUNNEL, "ngrok-error-code", r"ERR_NGROK_"),
    Sign("Cloudflare, whose tunnel or origin is not found", _TUNNEL, "server", r"cloudflare", statuses=(530,)),
    Sign(
        "localtunnel's reminder", "add the header bypass-tunnel-reminder: 1 to headers", body=r"bypass-tunnel-reminder"
    ),
)  # fmt: skip


def sign_of(status: int, headers: Mapping[str, str], body: str, *, html: bool) -> str:
    """What answered in the deployment's place, and by what it is known; "" where nothing tells that.

    Args:
        status: of the answer.
        headers: its headers; names in any case.
        body: the start of its body.
        html: whether that is a page.
    """
    for sign in SIGNS:
        if sign.statuses and status not in sign.statuses:
            continue
        if sign.header:
            value = headers.get(sign.header, "")
            if value and re.match(rf"(?i)[^\n]{{0,4000}}?(?:{sign.value})", value[:4096]):
                shown = "" if sign.header == "set-cookie" else f" ({sign.header}: {value[:_LONGEST_CODE]})"
                return f"{sign.what}{shown}"
        elif (html or not sign.html) and re.search(f"(?i){sign.body}", body[:MOST_READ]):
            return sign.what
    return ""


def remedy_of(error: str) -> str:
    """What to do about an answer that `sign_of` has recognised; `error` holds what it said."""
    return next((sign.remedy for sign in SIGNS if sign.what in error), _DEPLOY)
