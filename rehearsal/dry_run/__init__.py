"""Tries a migration on a copy of a real table's definition."""
