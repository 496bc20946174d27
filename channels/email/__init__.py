"""Turns what lies in our mailboxes (IMAP) into events, and our replies into mail (SMTP). Decides nothing."""

from __future__ import annotations

from channels.contract import Channel, Context


def open_channel(context: Context) -> Channel:
    """The channel with the mailboxes of ``context``; ``off`` where it has none."""
    # Imported here: the parsing process imports this package too, and needs none of it.
    from channels.email.channel import EmailChannel

    return EmailChannel(context)
