"""Finds and masks secrets, however they are spelt."""
