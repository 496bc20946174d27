"""The settings of the fallback process: ``CONTACT_CENTER_FALLBACK_*``, and of the hub what both must know."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contact_center.config.environment import PREFIX

KEY_FILE = "fallback.key"


class FallbackSettings(BaseSettings):
    """``fallback_url`` is the base that providers are given as their fallback, and sign; unset is where the process
    listens. ``public_url`` is the hub's, where a caller is sent back to; ``fallback_hub_url`` is where the hub is
    asked and given what was kept (unset: the same). ``fallback_key`` proves to the hub who hands over; on one machine
    both find it in the data folder."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    fallback_host: str = "127.0.0.1"
    fallback_port: int = Field(default=8001, ge=0, le=65_535)
    fallback_url: str = ""
    fallback_hub_url: str = ""
    fallback_key: str = ""
    fallback_most_mb: float = Field(default=256, gt=0, le=1_000_000)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    public_url: str = ""
    data_dir: Path = Path("var")
    log_level: str = "INFO"

    @field_validator("public_url", "fallback_url", "fallback_hub_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("fallback_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 16:
            raise ValueError("must have at least 16 characters")
        return value

    @property
    def hub_public_url(self) -> str:
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def hub_url(self) -> str:
        return self.fallback_hub_url or self.hub_public_url

    @property
    def own_url(self) -> str:
        return self.fallback_url or f"http://{self.fallback_host}:{self.fallback_port}"

    @property
    def key(self) -> str:
        return self.fallback_key or key_in(self.data_dir)


def key_in(folder: Path) -> str:
    """The key that the hub and the fallback on one machine share: made once, readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / KEY_FILE
    fresh = folder / f".{KEY_FILE}.{os.getpid()}"
    if not path.exists():
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(32))
        try:
            os.link(fresh, path)  # whole or not at all, and the first one stays
        except FileExistsError:
            pass
        finally:
            fresh.unlink(missing_ok=True)
    return path.read_text().strip()
