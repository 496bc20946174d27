"""The configuration's ``mail`` section, as the verbs use it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from contact_center.domain.time import SECOND, Moment
from contact_center.storage import settings
from contact_center.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class MailRules:
    """See ``config/mail.py``, whose defaults these are."""

    undo_seconds: float = 10
    per_domain_per_minute: int = 120
    per_domain_at_once: int = 8
    canned_replies: tuple[dict[str, Any], ...] = ()

    @property
    def undo_ms(self) -> Moment:
        return round(self.undo_seconds * SECOND)


_KNOWN = {field.name for field in fields(MailRules)}


def mail_rules(conn: Connection) -> MailRules:
    stored = settings.get(conn, "mail") or {}
    return MailRules(**{name: value for name, value in stored.items() if name in _KNOWN})
