"""SQL and only SQL: synchronous functions that take the open connection first, the same on both databases."""
