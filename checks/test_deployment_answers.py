"""The deployment answers.

Its ready page returns 2xx within `ready.timeout_s`, cold start included. The run checks everything else after that. A
deployment that does not answer is neither right nor wrong: it could not be told.

It stays although whatever breaks it leaves other claims unanswered too: it alone says so of a deployment without a
database that is only read.

It cannot see more than that page: an app whose ready page answers may still fail every POST.
"""

from harness.findings import finding
from harness.http.readiness import Readiness


def test_deployment_answers(readiness: Readiness) -> None:
    """The ready page answered within `ready.timeout_s`; not doing so is raised where it is waited for."""
    assert 200 <= readiness.status < 300, finding(
        want="2xx from its ready page",
        have=readiness.status,
        cause="the ready page returns another status",
        remedy="look at the deployment's log, or set ready.path to another page",
    )
