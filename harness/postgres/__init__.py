"""What is asked of Postgres: the table, its rows and tokens, the INSERTs of the app, and deletion."""
