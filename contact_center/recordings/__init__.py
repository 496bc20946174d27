"""Brings every recording home, keeps it for as long as the operator says, and then removes it everywhere."""
