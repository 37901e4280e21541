"""Where a redirect leads that a client may not follow with a POST, as keys of environments.yaml."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

LONGEST_LOCATION = 300  # characters of a target that is named
_KEEPS_THE_METHOD = (307, 308)  # RFC 9110 sections 15.4.8 and 15.4.9


def keys_that_follow(base: str, path: str, key: str, status: int, location: str) -> str:
    """What to write so that a request goes where a redirect leads: "url: https://..", "api.create: /..", or both.

    Only a redirect of the same route elsewhere is followed so (a trailing slash, www, https, another host), or one that
    keeps the method: any other may lead to what was made, or to a login. "" where there is nothing to write.

    Args:
        base: the URL that paths are appended to.
        path: of the request.
        key: that holds it.
        status: of the redirect.
        location: its header.
    """
    try:
        asked, target = urlsplit(base + path), urlsplit(urljoin(base + path, location.strip()))
        host, port = target.hostname, target.port
    except ValueError:
        return ""
    if not host or target.scheme not in ("http", "https") or len(location) > LONGEST_LOCATION:
        return ""
    origin = urlunsplit((target.scheme, f"[{host}]" if ":" in host else host, "", "", ""))
    origin += f":{port}" if port not in (None, {"http": 80, "https": 443}[target.scheme]) else ""
    prefix = urlsplit(base).path.rstrip("/")
    asked_origin = urlunsplit((asked.scheme, asked.netloc.lower(), "", "", ""))
    moved = origin != asked_origin
    leads_to = urlunsplit(("", "", target.path or "/", target.query, ""))
    if re.search(r"[\x00-\x20{}]", leads_to):
        return ""
    same_route = target.path.rstrip("/") == asked.path.rstrip("/")
    if not same_route and status not in _KEEPS_THE_METHOD:
        return ""
    inside = leads_to.startswith(f"{prefix}/")
    own = leads_to.removeprefix(prefix) if inside else leads_to
    keys = []
    if moved or not inside:
        keys.append(f"url: {origin}{prefix if inside else ''}")
    if own != path:
        keys.append(f"{key}: {own}")
    return ", ".join(keys)
