"""Mistakes that only a gate meets: the doctor does not come so far."""

from __future__ import annotations

from tests.support.mistakes.mistake import Mistake

REVISION = {"path": "/healthz", "timeout_s": 1, "revision": "revision"}
GATE = (
    Mistake(
        "a revision that no page names",
        "gate",
        "environments.preview.ready.revision: --revision needs to know the field of the ready page's JSON",
        "the run does not know where the ready page names the revision",
        "such as {path: /healthz, revision: commit}",
        "ready.revision",
        gate=("--revision", "deadbeef"),
    ),
    Mistake(
        "an empty revision",
        "gate",
        "--revision: is empty",
        "the variable that fills the option is not set in this job",
        "set the variable that fills it, or leave --revision out",
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
        "other users must not read what a run writes",
        "chmod 700 it, or name a new one",
        gate=("-k", "answers_201"),
    ),
)
