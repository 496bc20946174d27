"""Finds out what nobody told the hub: asks each provider what has happened, and takes that in like any other news."""
