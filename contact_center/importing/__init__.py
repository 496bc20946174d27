"""Moves in the mail that was written before the hub was there: closed cases that nobody is asked to work on."""
