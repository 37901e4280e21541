"""Drafts an `environments.yaml` from an app's checkout, its database and its URL; sends and stores nothing."""
