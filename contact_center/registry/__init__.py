"""Finds the channels, opens them, and holds the door through which they reach the hub."""
