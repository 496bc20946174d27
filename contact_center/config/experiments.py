"""Policies that are tried beside the one in force, as text. They are not part of it: its version stays what it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contact_center.config.routing import PolicyModel, QueueRoutingModel

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ShadowModel(_Strict):
    """A policy that is asked beside the one in force, and never listened to. ``policy`` is whole by itself; of the
    queues that ``queues`` does not name, the routing stays as it is."""

    policy: PolicyModel = PolicyModel()
    queues: dict[Id, QueueRoutingModel] = {}


class ExperimentModel(ShadowModel):
    """A policy that takes turns with the one in force: ``share`` of the blocks of ``block_minutes`` go by it. What
    comes within ``warm_up_minutes`` of a switch is not counted."""

    name: Id
    share: Annotated[float, Field(ge=0.05, le=0.95)] = 0.5
    block_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 30
    warm_up_minutes: Annotated[int, Field(ge=0, le=12 * 60)] = 5

    @model_validator(mode="after")
    def _counts(self) -> ExperimentModel:
        if self.warm_up_minutes >= self.block_minutes:
            raise ValueError(
                f"warm_up_minutes ({self.warm_up_minutes}) leaves nothing of a block of {self.block_minutes} minutes"
            )
        return self


class RoutingLogModel(_Strict):
    """Whether what routing is told is kept, for how long, and how much of it at most (docs/replay.md)."""

    on: bool = True
    keep_days: Annotated[float, Field(gt=0, le=3_660)] = 30
    most_megabytes: Annotated[float, Field(ge=1, le=10_000_000)] = 2_000
