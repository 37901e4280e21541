"""Reads a checkout of the app, and judges what its source and its migrations say of the token."""
