"""A channel is a folder; a folder that nobody holds to the conformance suite is no channel of ours."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import channels
from tests.channels.conformance import REGISTRY, ChannelConformance, fixtures_in

HERE = Path(__file__).parent


def channel_names() -> list[str]:
    return sorted(
        module.name
        for module in pkgutil.iter_modules(channels.__path__)
        if module.ispkg and hasattr(importlib.import_module(f"channels.{module.name}"), "open_channel")
    )


def conformance_classes(name: str) -> list[type[ChannelConformance]]:
    for path in sorted((HERE / name).glob("test_*.py")):
        importlib.import_module(f"tests.channels.{name}.{path.stem}")
    return REGISTRY.get(name, [])


def test_the_folders_imported_are_the_ones_of_this_project() -> None:
    assert [Path(place).resolve() for place in channels.__path__] == [HERE.parent.parent / "channels"]
    assert channel_names()


@pytest.mark.parametrize("name", channel_names())
def test_every_channel_is_held_to_the_conformance_suite(name: str) -> None:
    assert conformance_classes(name), f"tests/channels/{name}/ has no subclass of ChannelConformance"
    for held in conformance_classes(name):
        assert fixtures_in(held.fixtures), f"{held.__name__} has no fixtures"


@pytest.mark.parametrize("name", channel_names())
def test_every_channel_says_its_job_in_one_sentence(name: str) -> None:
    said = importlib.import_module(f"channels.{name}").__doc__ or ""
    assert said.split("\n")[0].endswith(".")
