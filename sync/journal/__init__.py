"""The journal: every record in SQLite, durable when `append` returns, numbered without gaps, chained, in segments."""
