"""The connection to the database is lost at any request of a run, and the run ends well and says what remains.

Of the requests that read, it is lost at every second (`make selftest`: at each); of the clean-up at each.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.conninfo import conninfo_to_dict

from harness.__main__ import main
from tests.support.endings import going, names_of, stored, told
from tests.support.gates import entry, write_environments
from tests.support.proxies import cutting

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment
    from rehearsal.servers.postgres import Postgres
    from tests.support.gates import Run
    from tests.support.proxies import When

AT_ONCE = 10
EVERY = int(os.environ.get("CUT_AT_EVERY", "2"))
COMMIT = "QCOMMIT\0"
# None at once: on a busy machine nobody can tell whether two of so few were in flight together.
POSTS = {"posts": 3, "burst": 0, "late_rows_s": 0.5}


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a connection is lost; at request 0 none is."""

    at: int
    when: When = "before"
    for_good: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A gate whose connection was lost, and a clean-up after it."""

    cut: Cut
    requests: list[str]
    run: Run
    names: set[str]  # of the run's rows, when it had ended
    cleaned: int  # the exit code of the clean-up
    remaining: set[str]  # names of the run's rows after it

    def __str__(self) -> str:
        return f"{self.cut}: {self.requests[self.cut.at - 1 :][:1]}\n{self.run.out}{self.run.err}"


def end(cut: Cut, folder: Path, postgres: Postgres, deployment: Deployment) -> Ended:
    """Run a gate by way of a proxy that loses its connection, and clean up after it when the proxy is well again."""
    folder.mkdir()
    name = str(conninfo_to_dict(deployment.database)["dbname"])
    with cutting(postgres, cut.at, cut.when, for_good=cut.for_good) as proxy:
        settings = entry(deployment, database=proxy.dsn(name), **POSTS)
        file = write_environments(folder / "e.yaml", {}, preview=settings)
        with going(folder, file) as gate:
            run = gate.ended()
    of_run = told(gate.history).run
    names = names_of(deployment.database, of_run)
    with cutting(postgres, port=proxy.port):
        cleaned = main(["cleanup", str(gate.history), "--environments", str(file)])
    return Ended(cut, proxy.requests, run, names, cleaned, names_of(deployment.database, of_run))


def cuts(requests: list[str]) -> list[Cut]:
    """Every request, those of the clean-up before and after it is done; and some from which on there is no database."""
    # A gate without a database takes its time to believe it: one end of each request of the clean-up, and both of
    # its COMMIT; of the requests that read before it every fourth.
    begin = max(n for n, request in enumerate(requests, 1) if "application_name" in request)
    commit = requests.index(COMMIT) + 1
    for_good = {*range(1, begin, 4), *range(begin, len(requests) + 1)} - {commit}
    # Until then all of them read: whether one was done nobody can tell, and nothing depends on it.
    each = [Cut(at, ("before", "after")[at // EVERY % 2]) for at in range(1, begin, EVERY)]
    each += [Cut(at, when) for at in range(begin, len(requests) + 1) for when in ("before", "after")]
    return [
        *(Cut(commit, when, for_good=True) for when in ("before", "after")),
        *(Cut(at, ("before", "after")[at % 2], for_good=True) for at in sorted(for_good)),
        *each,
    ]


def judge(ended: Ended) -> None:
    """A healthy deployment is never found wrong; what is stored is listed; what is listed as removed is gone."""
    verdict = ended.run.verdict
    assert ended.run.exit_code in (0, 75, 76), str(ended)
    assert verdict["exit_code"] == ended.run.exit_code
    assert "Traceback" not in ended.run.out + ended.run.err, str(ended)
    listed = {row["name"] for row in verdict["left_behind"]}
    assert ended.names <= listed, f"stored and not listed: {ended.names - listed}; {ended}"
    if ended.run.exit_code == 0:
        assert not listed, str(ended)
    sent = verdict["environments"][0]["posts"]
    removed = verdict["environments"][0]["rows_removed"]
    assert removed + len(ended.names) <= sent, f"{removed} of {sent} rows removed, {ended.names} are there; {ended}"
    if not ended.cut.for_good:
        assert not listed - ended.names, f"gone and listed: {listed - ended.names}; {ended}"
    assert "the harness itself failed" not in ended.run.out, str(ended)
    assert (ended.cleaned, ended.remaining) == (0, set()), str(ended)


def test_connection_lost_at_any_request(tmp_path: Path, postgres: Postgres, healthy: Deployment) -> None:
    """Once or for good, before a request or after it: the verdict is right, and a later clean-up removes the rest."""
    before = stored(healthy.database)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # In a thread as the others are: in the main one the clean-up would keep the signals of this process to itself.
        whole = pool.submit(end, Cut(0), tmp_path / "whole", postgres, healthy).result()
        assert whole.run.exit_code == 0, str(whole)
        assert whole.requests.count(COMMIT) == 1
        ends = [
            pool.submit(end, cut, tmp_path / str(n), postgres, healthy) for n, cut in enumerate(cuts(whole.requests))
        ]
        ended = [one.result() for one in ends]
    for one in ended:
        judge(one)
    assert stored(healthy.database) == before, "nobody else's rows were touched"
    # None of this would be shown by cuts that nobody notices, or that always end in the same way.
    assert all(len(one.requests) >= one.cut.at for one in ended)
    assert {one.run.exit_code for one in ended} >= {0, 75, 76}
    assert any(one.names for one in ended)
    lost = [one for one in ended if one.cut.for_good and one.requests[one.cut.at - 1] == COMMIT]
    assert {(one.cut.when, bool(one.names)) for one in lost} == {("before", True), ("after", False)}
