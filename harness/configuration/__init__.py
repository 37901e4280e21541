"""environments.yaml: its models, how it is read, its variables and its secrets."""
