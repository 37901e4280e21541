"""Mistakes that only a gate meets: the doctor does not come so far."""

from __future__ import annotations

from tests.support.mistakes.mistake import Mistake

REVISION = {"path": "/healthz", "timeout_s": 1, "revision": "revision"}
GATE = (
    Mistake(
        "a revision that no page names",
        "gate",
        "environments.preview.ready.revision: --revision needs to know the field of the ready page's JSON",
        "a run waits until the ready page names the revision, and does not know where",
        "such as {path: /healthz, revision: commit}",
        "ready.revision",
        gate=("--revision", "deadbeef"),
    ),
    Mistake(
        "an empty revision",
        "gate",
        "--revision: is empty",
        "the variable that the option is filled from is not set in this job",
        "is the variable set that it was to come from?",
        gate=("--revision", ""),
    ),
    Mistake(
        "a release that has not arrived",
        "gate",
        "GET <URL>/healthz was not ready within 1 s: it serves revision 5ca1ab1e.., want deadbeef",
        "the deploy has not arrived, or `ready.revision` names another field",
        "wait for the deployment and run again; if it is up, check url, ready.path and ready.timeout_s",
        "ready.path",
        "unknown",
        given={"ready": REVISION},
        gate=("--revision", "deadbeef"),
    ),
    Mistake(
        "a report folder of somebody else",
        "gate",
        "cannot be made: report is open to others and holds other files",
        "what a run writes is its owner's only",
        "chmod 700 it, or name a new one",
        gate=("-k", "answers_201"),
    ),
)
