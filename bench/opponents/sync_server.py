"""A create route of few blocking workers, as gunicorn's sync workers serve: a worker holds one connection at a time.

    python sync_server.py WORKERS DELAY [keep | tls]

A worker takes a connection, waits for its request as long as it takes, sleeps DELAY seconds, answers and closes. With
`keep` it serves the same connection until the client closes it. With `tls` it also makes the handshake itself. GET is
answered like POST: with 200. Prints its URL; ends when its standard input does.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path

WORKERS, DELAY_S, KIND = int(sys.argv[1]), float(sys.argv[2]), (sys.argv[3:] or [""])[0]


def serve(listener: socket.socket, tls: ssl.SSLContext | None) -> None:
    """One worker, until it is killed."""
    while True:
        connection, _ = listener.accept()
        with suppress(OSError):
            if tls is not None:
                connection = tls.wrap_socket(connection, server_side=True)
            while answered(connection) and KIND == "keep":
                pass
        connection.close()


def answered(connection: socket.socket) -> bool:
    """Read one request with a Content-Length or none, and answer it; False where the client has gone."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65536)
        if not more:
            return False
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    announced = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    while len(body) < int(announced or 0):
        body += connection.recv(65536)
    time.sleep(DELAY_S)
    created = head.startswith(b"POST")
    said = b'{"id": %d, "name": "x", "public_token": "%s", "require_auth": false}'
    said %= (time.monotonic_ns(), str(uuid.uuid4()).encode())
    lines = [b"HTTP/1.1 201 Created" if created else b"HTTP/1.1 200 OK", b"content-type: application/json"]
    lines += [b"content-length: %d" % len(said), b"connection: close" if KIND != "keep" else b"x: y"]
    connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + said)
    return True


def certified() -> ssl.SSLContext:
    """A context with a certificate for 127.0.0.1 that openssl signs by itself; its file is CA_FILE."""
    with tempfile.TemporaryDirectory() as folder:
        key, file = Path(folder) / "key.pem", Path(os.environ["CA_FILE"])
        line = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-out", str(file)]
        line += ["-days", "1", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        subprocess.run(line, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file, key)
    return context


def main() -> None:
    """Serve until whoever started it is gone."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    tls = certified() if KIND == "tls" else None
    workers = []
    for _ in range(WORKERS):
        pid = os.fork()
        if not pid:
            serve(listener, tls)
        workers.append(pid)
    print(f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    sys.stdin.read()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
