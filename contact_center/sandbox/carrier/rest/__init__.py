"""The carrier's REST interface: its own paths, shapes and errors (https://www.twilio.com/docs/usage/api)."""

from contact_center.sandbox.carrier.rest.door import Rest

__all__ = ["Rest"]
