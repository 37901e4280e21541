"""Reads the migrations and schema files of an app, whatever tool they are for."""
