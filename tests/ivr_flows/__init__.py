"""Proves that flows are read strictly, that every call comes to an end, and that a caller is never lost."""
