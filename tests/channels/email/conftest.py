from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def certificate() -> Path:
    """A folder with ``cert.pem`` and ``key.pem`` for 127.0.0.1, which no authority signed and nobody trusts."""
    return Path(__file__).parent / "tls"
