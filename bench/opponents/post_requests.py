"""`python post_requests.py URL POSTS BURST`: raw requests, one Session a thread. Exit 1 unless all answered 201.

POSTS one after another on one kept-alive connection; BURST at the same moment, each from a thread of its own whose
connection a GET has opened.
"""

from __future__ import annotations

import sys
import threading

import requests


def main(url: str, posts: int, burst: int) -> int:
    """Send them; 0 if every answer was a 201 with a token that no other had."""
    tokens: list[str] = []

    def post(session: requests.Session, n: int) -> None:
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
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
