"""Answers to a create request, as the harness reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requests.structures import CaseInsensitiveDict

from harness.http.created import Reading, read_created

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_answer(status: int, body: str = "", headers: Mapping[str, str] | None = None) -> Reading:
    """What an answer says, with id and token where the contract's defaults have them."""
    sent = CaseInsensitiveDict(headers or {})
    return read_created(status, sent, body.encode(), id_path="id", token_path="public_token")
