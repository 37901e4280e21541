"""`python post_aiohttp.py URL POSTS BURST`: aiohttp, one session and one loop. Exit 1 unless all answered 201.

POSTS one after another on one kept-alive connection; BURST at the same moment.
"""

from __future__ import annotations

import asyncio
import sys

import aiohttp


async def main(url: str, posts: int, burst: int) -> int:
    """Send them; 0 if every answer was a 201 with a token that no other had."""
    tokens: list[str] = []
    limits = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=limits, timeout=aiohttp.ClientTimeout(total=10)) as session:

        async def post(n: int) -> None:
            payload = {"name": f"bench-{n}", "require_auth": False}
            async with session.post(f"{url}/api/chatbots", json=payload) as answer:
                if answer.status == 201:
                    tokens.append((await answer.json())["public_token"])

        for n in range(posts):
            await post(n)
        await asyncio.gather(*map(post, range(burst)))
    return 0 if len(set(tokens)) == posts + burst else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
