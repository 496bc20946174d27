"""How the tables came to be what they are, step by step."""

HEAD = "0013"
"""The newest step. A database at this step needs nothing done and Alembic is not even loaded."""
