"""Every folder of ``channels`` is a channel: nobody keeps a list."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

import structlog

import channels
from channels.contract import Channel, Context

log = structlog.get_logger(__name__)


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(channels.__path__) if module.ispkg)


def open_channels(
    public_url: str, settings: Mapping[str, str], config: Mapping[str, Mapping[str, Any]], secret: bytes
) -> dict[str, Channel]:
    """Opens every channel; one that fails to open is left out with the reason in the log, and harms no other."""
    opened: dict[str, Channel] = {}
    for name in names():
        context = Context(name, public_url, settings, config.get(name, {}), secret)
        try:
            module = importlib.import_module(f"channels.{name}")
            channel: Channel = module.open_channel(context)
        except Exception as error:
            log.exception("channel_not_opened", channel=name)
            channel = Closed(f"{type(error).__name__}: {error}")
        channel.name = name
        opened[name] = channel
    return opened


class Closed(Channel):
    """Stands in for a channel that could not be opened, so that an operator sees why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def state(self) -> tuple[Any, str]:
        return "off", self._reason
