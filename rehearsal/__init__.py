"""A small real deployment on this machine (HTTP app and Postgres) that can be broken on purpose.

It knows nothing of the harness that is tried on it: whoever uses a rehearsal gets a URL and a DSN, as from any
deployment.
"""
