"""Ports of loopback for programs that are told where to listen, and that nobody else is given meanwhile."""

from __future__ import annotations

import socket
from collections import deque
from functools import cache

MOST = 100
"""So many are held at a time: more than one test uses, fewer than a process may have files open."""
_held: deque[socket.socket] = deque()
_given: set[int] = set()


def free_port() -> int:
    """One that nobody listens at, never the same twice. Until somebody does, connections to it are refused.

    The port stays bound here, without listening: whoever sets SO_REUSEADDR, as servers do, may still listen there,
    stop and listen again, but the system gives it to nobody who asks for any port. Otherwise, between the asking
    and the listening, or while a server is stopped, another worker's server may come to sit there."""
    while True:
        holder = _bound(0)
        port = int(holder.getsockname()[1])
        if port in _given:
            holder.close()
            continue
        _given.add(port)
        if _can_be_shared():
            _held.append(holder)
            while len(_held) > MOST:
                _held.popleft().close()
        else:
            holder.close()
        return port


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made


@cache
def _can_be_shared() -> bool:
    """Whether one may listen where another is bound and does not: not every system lets one."""
    with _bound(0) as holder:
        try:
            with _bound(holder.getsockname()[1]) as server:
                server.listen()
        except OSError:
            return False
    return True
