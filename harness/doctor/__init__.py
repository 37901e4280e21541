"""Asks everything that a run would meet, in its order, and says per key what is right, wrong, and what to write."""
