"""The least that a gate in pytest could be: what it would ask with is imported, and nothing is asked."""

import psycopg
import requests


def test_both_are_there() -> None:
    """Their import is what is measured."""
    assert requests.__version__
    assert psycopg.__version__
