"""Brings who waits to who is free: routing decides, the database confirms, and nothing rings for ever."""
