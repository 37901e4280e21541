"""The programs that a rehearsal runs: Postgres, and an HTTP server."""
