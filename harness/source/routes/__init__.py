"""Reads the routes of an app: their paths, what they want, what they answer, and who may call them."""
