"""The ``CONTACT_CENTER_*`` settings: how one process of the hub is run."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "CONTACT_CENTER_"


class Settings(BaseSettings):
    """``public_url`` is the base that providers sign and call, and that links are made of; unset is the address
    that the hub listens on. ``database_url`` unset is SQLite in ``data_dir``. ``bootstrap_api_key`` is an admin
    key for automation, at least 16 characters. ``fallback_key`` is what the fallback process proves itself with
    where it runs on another machine; on the same one both find a key of their own in ``data_dir``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    data_dir: Path = Path("var")
    database_url: str = ""
    redis_url: str = ""
    public_url: str = ""
    sandbox: bool = False
    bootstrap_api_key: str = ""
    config: Path | None = None
    secure_cookies: bool | None = None
    log_level: str = "INFO"
    fallback_key: str = ""

    @field_validator("public_url")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("bootstrap_api_key", "fallback_key")
    @classmethod
    def _long_enough(cls, value: str) -> str:
        if value and len(value) < 16:
            raise ValueError("must have at least 16 characters")
        return value

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir.resolve()}/hub.db"


def of_environment() -> dict[str, str]:
    """Every ``CONTACT_CENTER_*`` variable, without the prefix and in lower case: what channels choose from."""
    return {key.removeprefix(PREFIX).lower(): value for key, value in os.environ.items() if key.startswith(PREFIX)}
