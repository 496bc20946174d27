from tests.channels.email.conftest import certificate

__all__ = ["certificate"]
