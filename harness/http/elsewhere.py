"""Where an answer holds what was not found at `api.id` or `api.token`.

An answer that holds it under another key is that of a deployment that works, described wrongly.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from harness.patterns import lazily

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_VALUES = 2000  # of a document that are looked at
DEEPEST = 6
_KEY = lazily(r"[A-Za-z_$][\w$-]{0,80}")


class Elsewhere(NamedTuple):
    """Dotted paths at which the id and the token stand; "" where they stand nowhere, or were not looked for."""

    id: str = ""
    token: str = ""


def found_elsewhere(document: object, *, id_path: str, token_path: str, of_id: bool, of_token: bool) -> Elsewhere:
    """Where a document holds an id and a token that are not at their paths.

    Args:
        document: the JSON of an answer.
        id_path: where the id should be.
        token_path: where the token should be.
        of_id: whether the id is looked for.
        of_token: whether the token is looked for.
    """
    values = list(values_of(document))
    token = _token(values, token_path, besides=id_path) if of_token else ""
    return Elsewhere(_id(values, besides=token or token_path) if of_id else "", token)


def _token(values: list[tuple[str, object]], token_path: str, *, besides: str) -> str:
    """The key that is called alike, or else one that holds a UUID and is not an id's."""
    wanted = _bare(_last(token_path))
    alike = [path for path, value in values if isinstance(value, str) and value and _bare(_last(path)) == wanted]
    named = [path for path, value in values if _is_uuid(value) and "token" in _bare(_last(path))]
    others = [path for path, value in values if _is_uuid(value) and not _is_an_id(path)]
    return next((path for path in (*alike, *named, *others) if path != besides), "")


def _id(values: list[tuple[str, object]], *, besides: str) -> str:
    """The key that is called id, or else the chatbot's own: not that of somebody it belongs to."""
    scalars = [
        path for path, value in values if isinstance(value, (int, str)) and not isinstance(value, bool) and value
    ]
    ids = [path for path in scalars if path != besides and _last(path).lower() == "id"]
    own = [path for path in scalars if path != besides and _bare(_last(path)) in ("chatbotid", "uuid", "uid")]
    return next(iter((*sorted(ids, key=lambda path: path.count(".")), *own)), "")


def values_of(document: object) -> Iterator[tuple[str, object]]:
    """The values of a document that can be named by a dotted path, the nearest first."""
    pending: deque[tuple[str, object]] = deque([("", document)])
    for _ in range(MOST_VALUES):
        if not pending:
            return
        path, value = pending.popleft()
        if path:
            yield path, value
        if path.count(".") >= DEEPEST:
            continue
        if isinstance(value, dict):
            inner = ((key, item) for key, item in value.items() if isinstance(key, str) and _KEY.fullmatch(key))
        elif isinstance(value, list):
            inner = ((str(number), item) for number, item in enumerate(value[:3]))
        else:
            continue
        pending.extend((f"{path}.{key}" if path else key, item) for key, item in inner)


def _is_uuid(value: object) -> bool:
    if not isinstance(value, str) or len(value) != 36:
        return False
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def _is_an_id(path: str) -> bool:
    """Whether a key names an id: `id`, `user_id`, `requestId`; a token that is called so is found by its name."""
    key = _last(path)
    return key.lower() in ("id", "_id") or key.endswith(("_id", "Id", "-id", "ID"))


def _last(path: str) -> str:
    return path.rpartition(".")[2]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
