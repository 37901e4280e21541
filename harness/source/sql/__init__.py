"""Reads SQL and replays migrations into a catalog."""
