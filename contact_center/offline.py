"""What the operator does beside a running hub, or without one: configure, export, compare, rebuild, publish."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contact_center.bootstrap import AlreadyRunning, Hub, migrate, occasion, open_hub, take_folder
from contact_center.config import apply as config_apply
from contact_center.config.environment import Settings
from contact_center.config.model import Config, ConfigError
from contact_center.storage import rebuild
from contact_center.storage.executor import open_executor, run_alone
from contact_center.web import schemas


def configure(url: str, config: Config) -> list[config_apply.Change]:
    """Applies ``config`` to the database at ``url``."""
    return run_alone(url, config_apply.apply, config, occasion().now)


def compare(url: str, config: Config) -> list[config_apply.Change]:
    """What applying ``config`` would change."""
    return run_alone(url, config_apply.compare, config)


def consequences(url: str, config: Config) -> list[str]:
    """What applying ``config`` would mean for those who wait now."""
    return run_alone(url, config_apply.consequences, config)


def exported(url: str) -> dict[str, Any]:
    """What is in force, in the configuration file's shape."""
    return run_alone(url, config_apply.export)


def configured(url: str) -> bool:
    """Whether anybody can sign in yet."""
    return bool(run_alone(url, config_apply.export)["agents"])


def announce_running(given: Settings, hub: Hub) -> Path:
    """Writes down where this hub can be told things by its own user on this machine; the path of the note."""
    note = given.data_dir / "running.json"
    note.unlink(missing_ok=True)
    handle = os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(json.dumps({"url": f"http://{given.host}:{given.port}", "key": hub.runtime.local_api_key}))
    return note


def running(given: Settings) -> dict[str, str] | None:
    """The note of the hub that runs on the data folder; None where none does. SQLite has one writer: while a hub
    runs, whoever wants to write asks the hub."""
    try:
        take_folder(given.data_dir).close()
    except AlreadyRunning:
        note: dict[str, str] = json.loads((given.data_dir / "running.json").read_text())
        return note
    return None


def apply_to_running(
    note: dict[str, str], config: Config, dry_run: bool
) -> tuple[list[config_apply.Change], list[str]]:
    """Has the running hub apply ``config``: what changed, and what a dry run says of those who wait. Raises
    :class:`ConfigError`."""
    import httpx  # costs a tenth of a second that `serve` does not need

    answer = httpx.post(
        f"{note['url']}/api/v1/config",
        params={"dry_run": dry_run},
        json=config.model_dump(mode="json", exclude_unset=True),
        headers={"Authorization": f"Bearer {note['key']}"},
        timeout=60,
    )
    if answer.status_code == 422:
        raise ConfigError([answer.json()["error"]["message"]])
    answer.raise_for_status()
    told = answer.json()
    return [config_apply.Change(**change) for change in told["changes"]], told["waiting"]


async def rebuilt(
    url: str, *, mend: bool, progress: Callable[[int, int], None]
) -> tuple[int, list[tuple[str, list[str]]]]:
    """Compares every stored record with the fold of its events: how many, and which differ in what."""
    executor = open_executor(url)
    await executor.start(lambda _: None)
    try:
        ids = await executor.read(rebuild.interaction_ids)
        differing = []
        for done, interaction_id in enumerate(ids, 1):
            if mend:
                fields = await executor.write(rebuild.mend, interaction_id)
            else:
                fields = await executor.read(rebuild.compare, interaction_id)
            if fields:
                differing.append((interaction_id, fields))
            if done % 100 == 0 or done == len(ids):
                progress(done, len(ids))
        return len(ids), differing
    finally:
        await executor.stop()


def published() -> dict[str, Any]:
    """The files that describe the hub to other programs."""
    with tempfile.TemporaryDirectory() as folder:
        given = Settings(data_dir=Path(folder), database_url=f"sqlite:///{folder}/hub.db", config=None)
        migrate(given.database)
        hub = open_hub(given, environment={})
        return {
            "openapi.json": hub.api.openapi(),
            "asyncapi.json": schemas.asyncapi(),
            "interaction-event.json": schemas.interaction_event(),
            "configuration.json": schemas.configuration(),
        }
