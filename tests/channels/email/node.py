"""One hub without its doors to the web, to be stopped or killed: ``python -m tests.channels.email.node ADDRESS``.

Set up by ``CONTACT_CENTER_*`` as the real one. It says its name when it listens, and lets go of mailboxes sooner than
the real one, so that a test need not wait for half a minute.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from channels.email.channel import EmailChannel
from channels.email.fetch import Pace
from contact_center.bootstrap import Hub, open_hub
from contact_center.config.environment import Settings

LEASE_S = 8.0


async def run(hub: Hub) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await hub.start()
    sys.stdout.write(f"{hub.runtime.holder}\n")
    sys.stdout.flush()
    await stopped.wait()
    await hub.stop()


def main() -> None:
    folder = Path(os.environ["CONTACT_CENTER_DATA_DIR"])
    hub = open_hub(Settings(data_dir=folder, database_url=os.environ["CONTACT_CENTER_DATABASE_URL"]))
    channel = hub.runtime.channels["email"]
    assert isinstance(channel, EmailChannel)
    channel._pace = Pace(poll=0.5, call=60.0, first_retry=0.1, soon=0.1, lease=LEASE_S)
    asyncio.run(run(hub))


if __name__ == "__main__":
    main()
