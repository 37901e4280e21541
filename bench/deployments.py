"""`python -m bench.deployments N`: so many healthy deployments of the rehearsal, up until standard input ends.

Prints one line when they serve: a JSON array of their `url` and `database`.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack

from rehearsal.deployment import deployed
from rehearsal.postgres import embedded_postgres


def main() -> int:
    """Start them, say where they are, and wait; returns 0."""
    with embedded_postgres() as server, ExitStack() as stack:
        up = [stack.enter_context(deployed(server, name=f"bench{n}")) for n in range(int(sys.argv[1]))]
        print(json.dumps([{"url": one.url, "database": one.database} for one in up]), flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
