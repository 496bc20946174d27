"""Reads the log as it grows, keeps an index of its words, and looks things up there; nobody waits for it."""
