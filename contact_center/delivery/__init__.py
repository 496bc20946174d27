"""Sees what is in the outbox out of the house, and finds out what became of it."""
