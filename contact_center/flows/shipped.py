"""The flows that come with the product. They are what is in force under a name until something is published."""

from __future__ import annotations

import importlib.resources
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from contact_center.flows.versions import Ready, made_ready


@cache
def shipped_texts() -> Mapping[str, str]:
    """The texts by name."""
    folder = importlib.resources.files("ivr_flows").joinpath("flows")
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    found = {f.name.removesuffix(".yaml"): f.read_text(encoding="utf-8") for f in files if f.name.endswith(".yaml")}
    return MappingProxyType(found)


def shipped_versions(texts: Mapping[str, str] | None = None) -> Mapping[str, Ready]:
    """The same read and checked, by the name that they give themselves."""
    return _shipped() if texts is None else made_ready({f"{name}.yaml": text for name, text in texts.items()}, {})


@cache
def _shipped() -> Mapping[str, Ready]:
    return MappingProxyType(shipped_versions(shipped_texts()))
