"""What was sent and what came back: written before and after each POST, read back, by the million."""
