"""Customers' live connections that wait for something new in their thread."""

from __future__ import annotations

from collections.abc import Callable


class Watchers:
    """Callbacks by (channel, thread): each is called whenever the thread may have grown."""

    def __init__(self) -> None:
        self._wakes: dict[tuple[str, str], set[Callable[[], None]]] = {}

    def watch(self, channel: str, thread_key: str, wake: Callable[[], None]) -> Callable[[], None]:
        """Calls ``wake`` from now on, until the function that this returns is called."""
        key = (channel, thread_key)
        self._wakes.setdefault(key, set()).add(wake)

        def end() -> None:
            wakes = self._wakes.get(key)
            if wakes is not None:
                wakes.discard(wake)
                if not wakes:
                    del self._wakes[key]

        return end

    def grew(self, channel: str, thread_key: str) -> None:
        for wake in tuple(self._wakes.get((channel, thread_key), ())):
            wake()
