"""The open connection that every verb and storage function takes first. To everyone but storage it is opaque."""

from sqlalchemy import Connection

__all__ = ["Connection", "LookedTooEarly"]


class LookedTooEarly(Exception):
    """What a unit saw before it could lock it is not so any more: it is run again."""
