"""Who may sign in, and the sessions of those who have."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from contact_center.domain.time import Moment
from contact_center.storage.effects import SessionsEnded, tell
from contact_center.storage.schema import logins, sessions


@dataclass(frozen=True, slots=True)
class Login:
    id: str
    email: str
    name: str
    role: str
    locale: str
    password_hash: str
    agent_id: str


_OF_SESSION = (
    select(logins)
    .join_from(sessions, logins, logins.c.id == sessions.c.login_id)
    .where(
        sessions.c.token_hash == bindparam("token_hash"),
        sessions.c.expires_at > bindparam("now"),
        logins.c.active == 1,
    )
)


def _login(row: object) -> Login:
    get = row.__getattribute__
    return Login(
        get("id"), get("email"), get("name"), get("role"), get("locale"), get("password_hash"), get("agent_id")
    )


def by_email(conn: Connection, email: str) -> Login | None:
    row = conn.execute(
        select(logins).where(logins.c.email == email.strip().lower(), logins.c.active == 1)
    ).one_or_none()
    return _login(row) if row else None


def by_id(conn: Connection, login_id: str) -> Login | None:
    row = conn.execute(select(logins).where(logins.c.id == login_id)).one_or_none()
    return _login(row) if row else None


def of_session(conn: Connection, token_hash: str, now: Moment) -> Login | None:
    row = conn.execute(_OF_SESSION, {"token_hash": token_hash, "now": now}).one_or_none()
    return _login(row) if row else None


def begin_session(conn: Connection, token_hash: str, login_id: str, now: Moment, expires_at: Moment) -> None:
    conn.execute(delete(sessions).where(sessions.c.expires_at <= now))
    conn.execute(
        sessions.insert(),
        {"token_hash": token_hash, "login_id": login_id, "created_at": now, "expires_at": expires_at},
    )


def end_session(conn: Connection, token_hash: str) -> None:
    conn.execute(delete(sessions).where(sessions.c.token_hash == token_hash))
    tell(conn, SessionsEnded((token_hash,)))


def end_sessions_of(conn: Connection, login_id: str) -> None:
    """Signs the person out everywhere: their password or role is not what it was."""
    hashes = tuple(conn.execute(select(sessions.c.token_hash).where(sessions.c.login_id == login_id)).scalars())
    conn.execute(delete(sessions).where(sessions.c.login_id == login_id))
    if hashes:
        tell(conn, SessionsEnded(hashes))
