"""Compares names across their spellings: `public_token`, `publicToken`, `PublicTokens`."""

from __future__ import annotations

import re


def plain(name: str) -> str:
    """A name without case and marks: `public_token`, `publicToken` and `PublicToken` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def singular(name: str) -> str:
    """A plain name in the singular, as far as its last letters tell."""
    if name.endswith("ies") and len(name) > 4:
        return name[:-3] + "y"
    if name.endswith(("sses", "xes", "ches", "shes")):
        return name[:-2]
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def snake(name: str) -> str:
    """`publicToken` as `public_token`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
