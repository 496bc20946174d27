from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.channels.webchat.served import Site, a_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The channel as it comes: the entry ``support``, for any page."""
    async with a_site() as served:
        yield served
        assert served.failures == []
