"""Asks a deployment, judges its answers. Nothing in here asserts: claims live in `checks/`."""

__version__ = "0.1.0"
