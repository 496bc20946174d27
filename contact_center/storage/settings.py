"""Small things by name: what was applied, what channels remember, what commands answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from contact_center.domain.time import Moment
from contact_center.storage.schema import channel_memory, command_results, settings

_RESULT = select(command_results.c.result).where(
    command_results.c.actor == bindparam("who"), command_results.c.command_id == bindparam("command")
)


def get(conn: Connection, key: str, default: Any = None) -> Any:
    row = conn.execute(select(settings.c.value).where(settings.c.key == key)).one_or_none()
    return default if row is None else row.value


def put(conn: Connection, key: str, value: Any) -> None:
    conn.execute(delete(settings).where(settings.c.key == key))
    conn.execute(settings.insert(), {"key": key, "value": value})


def keys(conn: Connection, prefix: str) -> list[str]:
    found = select(settings.c.key).where(settings.c.key.startswith(prefix, autoescape=True))
    return list(conn.execute(found).scalars())


def drop(conn: Connection, names: Iterable[str]) -> None:
    conn.execute(delete(settings).where(settings.c.key.in_(list(names))))


def recall(conn: Connection, channel: str, key: str) -> str:
    return (
        conn.execute(
            select(channel_memory.c.value).where(channel_memory.c.channel == channel, channel_memory.c.key == key)
        ).scalar()
        or ""
    )


def remember(conn: Connection, channel: str, key: str, value: str) -> None:
    conn.execute(delete(channel_memory).where(channel_memory.c.channel == channel, channel_memory.c.key == key))
    conn.execute(channel_memory.insert(), {"channel": channel, "key": key, "value": value})


def command_result(conn: Connection, actor: str, command_id: str) -> dict[str, Any] | None:
    row = conn.execute(_RESULT, {"who": actor, "command": command_id}).one_or_none()
    return None if row is None else row.result


def keep_command_result(conn: Connection, actor: str, command_id: str, at: Moment, result: dict[str, Any]) -> None:
    conn.execute(command_results.insert(), {"actor": actor, "command_id": command_id, "at": at, "result": result})


def forget_command_results(conn: Connection, before: Moment) -> int:
    return conn.execute(delete(command_results).where(command_results.c.at < before)).rowcount
