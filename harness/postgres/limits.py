"""What a session may take: budgets that failures name and connections keep."""

STATEMENT_TIMEOUT_S = 60.0  # where an environment names no other
STATEMENTS = 4  # as long as so many may take, a reading or a clean-up may as a whole
LOCK_TIMEOUT_S = 5
