"""Ties the harness to pytest."""
