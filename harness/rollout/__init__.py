"""Watches a rollout: POSTs at a low rate, a look at the column each second, and the story that both tell."""
