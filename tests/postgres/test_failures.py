"""What a failure of Postgres means: the remedy names what to write."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

from tests.support.gates import run_gate

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.deployment.start import Deployment


def test_a_server_without_tls_says_how_to_go_without(tmp_path: Path, healthy: Deployment) -> None:
    """It answers N to a request for TLS, which sslmode=require takes for the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def refuse() -> None:
            while not ended.is_set():
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(8)  # SSLRequest
                    connection.sendall(b"N")

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        run = run_gate(
            tmp_path,
            [healthy],
            "--read-only",
            "-k",
            "column_is_uuid",
            database=f"postgresql://app@127.0.0.1:{port}/x?sslmode=require",
        )
        ended.set()
        socket.create_connection(server.getsockname(), timeout=5).close()
        thread.join(timeout=5)
    assert run.exit_code == 75, run.out
    found = run.check("column_is_uuid")
    assert "the server speaks no TLS, and sslmode in the database URL demands it" in found["cause"]
    assert "write sslmode=disable" in found["remedy"]
