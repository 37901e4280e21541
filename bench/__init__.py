"""Side-by-side measurements against what a user would use instead. `make bench` writes them to results.md."""
