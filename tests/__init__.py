"""Proves what the hub promises, through its front doors, with real servers."""
