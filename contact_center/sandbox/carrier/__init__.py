"""The telephone company: signed webhooks to the hub, a REST interface for it, calls, conferences and texts."""
