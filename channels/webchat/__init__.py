"""Turns a visitor's chat on any web page into our events, and our lines into that page. Decides nothing.

``widget.js`` and ``widget.css`` are what a site owner's page loads; ``docs/widget.md`` has the protocol
between the widget and :mod:`channels.webchat.connection`.
"""

from channels.contract import Context
from channels.webchat.channel import WebChat


def open_channel(context: Context) -> WebChat:
    return WebChat(context)
