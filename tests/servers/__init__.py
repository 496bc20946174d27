"""Starts the real servers that tests talk to, from wheels, on loopback, and ends them."""
