"""Moves an interaction from state to state, with all that hangs on it, for the verbs that have it in common."""
