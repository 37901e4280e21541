"""docs/claims.md: each claim with why it is checked, what it cannot see, and the faults that it catches."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from harness.claims import DELIVERABLES, ON_DEMAND, claims
from harness.report.deliverables import WORDS
from harness.run.evidence import KINDS
from rehearsal.faults import FAULTS
from tests.support.gates import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.claims import Claim

_BEGIN = """\
# The claims

For whoever wants to know what a verdict rests on: each claim, why it is checked this way, and what it cannot see.

A claim is one sentence about a deployment. Each has one file in `checks/`, whose docstring is the text below. A claim
ends as `pass`, `fail`, `unknown` (could not tell), `not_covered` (nobody asked for it) or `waived` (by name, with a
reason). [detection.md](detection.md) has the measured list of what the claims catch.

Claims marked *by choice* are checked only when you ask for them. All others are required: if one of them cannot be
checked, the run exits with 75. `database: null` and [`waive`](configuration.md#waive) waive claims; `--read-only`
leaves those out that need a POST.

`make docs` writes this page.
"""
_PREFLIGHT = """
## Preflight

Checked [before the migration](migrations.md) only, with `-m preflight`. A run after a deploy does not check these.
`tests/support/situations.py` has the tables on which they are proved, instead of faults.
"""
_OTHERS = """
## The deployment itself

What has to be true before anything else can be checked, and what you may ask for besides.
"""
_SHOWN = 6


def claims_document() -> str:
    """All claims, those of each deliverable together."""
    known = {claim.id: claim for claim in claims(ROOT / "checks")}
    proving = set(chain.from_iterable(DELIVERABLES.values()))
    parts = [_BEGIN]
    for deliverable, ids in DELIVERABLES.items():
        parts.append(f"\n## {WORDS[deliverable]}\n\n`{deliverable}` of `deliverables[]` in `verdict.json`.\n")
        parts += [_described(known[id_]) for id_ in ids]
    parts.append(_OTHERS)
    parts += [_described(claim) for claim in known.values() if claim.kind == "deployment" and claim.id not in proving]
    parts.append(_PREFLIGHT)
    parts += [_described(claim) for claim in known.values() if claim.kind == "preflight"]
    return "".join(parts)


def _described(claim: Claim) -> str:
    asked = [kind for kind in KINDS if kind.name in claim.asks][-1].asked_of
    how = ", by choice" if claim.id in ON_DEMAND else ""
    lines = [
        f"\n### {claim.text}\n",
        f"[`{claim.id}`](../checks/{claim.file}). It looks at: {asked}{how}.\n",
        f"{claim.why}\n",
        *_caught(claim),
    ]
    return "\n".join(lines)


def _caught(claim: Claim) -> Iterator[str]:
    """The faults that this claim catches: the first with what they do, the others by name."""
    found = [fault for fault in FAULTS.values() if fault.catches.get(claim.id) == "fail"]
    if not found:
        return
    yield "Faults that it catches:\n"
    for fault in found[:_SHOWN]:
        yield f"- `{fault.name}`: {fault.lie}"
    if more := found[_SHOWN:]:
        yield f"- {len(more)} more: {', '.join(f'`{fault.name}`' for fault in more)}"
    yield ""
