"""Reads JavaScript and TypeScript: syntax, modules, functions and values."""
