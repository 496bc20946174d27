"""What the sandbox is started with: ``CONTACT_CENTER_*`` variables of its environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HUB_PHONE = "+12025550100"
HUB_SMS = "+12025550111"
HUB_MAIL = "support@hub.example"
DEMO_PHONES = (
    ("client:mei.lin", "Mei Lin 林美"),
    ("client:jonas.okoye", "Jonas Okoye"),
    ("client:sana.haddad", "Sana Haddad"),
    ("+12025550177", "Technician 维修师傅"),
)
"""Telephones that stand on the page from the beginning: agents', a supervisor's, and one outside."""
DEMO_ACCOUNT = "AC" + "5a9db0c4" * 4


@dataclass(frozen=True)
class Settings:
    """``fallback_url`` is asked where the hub's own addresses fail. ``pace`` is how long a spoken second lasts (1: as
    in life, 0: no time at all, for automation)."""

    token: str
    mail_password: str
    public_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8010
    smtp_port: int = 8025
    imap_port: int = 8143
    account: str = DEMO_ACCOUNT
    data: Path | None = None
    ready_fd: int = 1
    pace: float = 1.0
    desk_answers_after: float = 0.8
    fallback_url: str = ""

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Raises ``ValueError`` with the name of the setting that is missing or no number."""

        def value(name: str, default: str) -> str:
            return environment.get(f"CONTACT_CENTER_{name}", "").strip() or default

        def number(name: str, default: float) -> float:
            text = value(name, str(default))
            try:
                return float(text)
            except ValueError:
                raise ValueError(f"CONTACT_CENTER_{name} must be a number, not {text!r}.") from None

        missing = [
            f"CONTACT_CENTER_{name}" for name in ("TWILIO_AUTH_TOKEN", "SANDBOX_MAIL_PASSWORD") if not value(name, "")
        ]
        if missing:
            raise ValueError(f"Set {' and '.join(missing)}: the hub must be started with the same.")
        data = value("DATA_DIR", "")
        return cls(
            token=value("TWILIO_AUTH_TOKEN", ""),
            mail_password=value("SANDBOX_MAIL_PASSWORD", ""),
            public_url=value("PUBLIC_URL", cls.public_url).rstrip("/"),
            host=value("SANDBOX_HOST", cls.host),
            port=int(number("SANDBOX_PORT", cls.port)),
            smtp_port=int(number("SANDBOX_SMTP_PORT", cls.smtp_port)),
            imap_port=int(number("SANDBOX_IMAP_PORT", cls.imap_port)),
            account=value("TWILIO_ACCOUNT_SID", cls.account),
            data=Path(data) / "sandbox" if data else None,
            ready_fd=int(number("SANDBOX_READY_FD", 1)),
            pace=max(0.0, number("SANDBOX_PACE", cls.pace)),
            desk_answers_after=max(0.0, number("SANDBOX_DESK_ANSWERS_AFTER", cls.desk_answers_after)),
            fallback_url=value("SANDBOX_FALLBACK_URL", ""),
        )
