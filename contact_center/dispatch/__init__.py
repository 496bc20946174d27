"""Brings who waits to who is free: routing decides, the database confirms, deadlines see that nothing rings for ever."""
