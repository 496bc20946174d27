"""Tries a flow out before a caller does: dialogues that are written down, every path, a picture. No I/O."""
