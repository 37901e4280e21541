"""`python post_requests.py URL POSTS BURST [ahead]`: raw requests. Exit 1 unless all answered 201.

POSTS one after another on one kept-alive connection; BURST at the same moment, each from a thread of its own whose
connection a GET has opened. With `ahead` a line is written and on disk before each POST, and every eight have a
connection of their own: the least of what is promised after a kill.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading

import requests

ON_ONE_CONNECTION = 8
LINE = b"x" * 200 + b"\n"


def main(url: str, posts: int, burst: int, *, ahead: bool = False) -> int:
    """Send them; 0 if every answer was a 201 with a token that no other had."""
    tokens: list[str] = []
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (for as long as this process)

    def post(session: requests.Session, n: int) -> None:
        if ahead:
            file.write(LINE)
            os.fsync(file.fileno())
            if n % ON_ONE_CONNECTION == 0:
                session.close()
        answer = session.post(f"{url}/api/chatbots", json={"name": f"bench-{n}", "require_auth": False}, timeout=10)
        if answer.status_code == 201:
            tokens.append(answer.json()["public_token"])

    def post_with_others(n: int) -> None:
        session = requests.Session()
        session.get(url, timeout=10)
        together.wait(10)
        post(session, n)

    session = requests.Session()
    for n in range(posts):
        post(session, n)
    together = threading.Barrier(burst or 1)
    threads = [threading.Thread(target=post_with_others, args=(n,)) for n in range(burst)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 0 if len(set(tokens)) == posts + burst else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), ahead=sys.argv[4:] == ["ahead"]))
