"""The hub: records every contact, routes it, and puts it before the right agent."""

__version__ = "0.1.0"
