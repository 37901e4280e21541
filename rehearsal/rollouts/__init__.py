"""Rollouts: a deployment whose schema and code change while somebody watches it, well or badly."""
