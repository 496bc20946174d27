"""The open connection that every verb and storage function takes first. To everyone but storage it is opaque."""

from sqlalchemy import Connection

__all__ = ["Connection"]
