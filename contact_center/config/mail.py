"""The configuration's mail: how long a reply may be taken back, how fast mail leaves, what agents need not type."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contact_center.config.acknowledging import AcknowledgementModel
from contact_center.domain.canned_replies import unknown_variables

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Words = Annotated[str, Field(max_length=20_000)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CannedReplyModel(_Strict):
    """What agents need not type. ``text`` or ``html``, or both; ``queues``: for these alone (none: for all). Holes
    like ``{{customer.name}}`` are filled."""

    id: Id
    title: Annotated[str, Field(min_length=1, max_length=200)]
    title_zh: Annotated[str, Field(max_length=200)] = ""
    language: Literal["", "en", "zh"] = ""
    text: Words = ""
    html: Words = ""
    queues: list[Id] = []

    @model_validator(mode="after")
    def _says_something(self) -> CannedReplyModel:
        if not self.text.strip() and not self.html.strip():
            raise ValueError(f"the canned reply {self.id!r} has neither text nor html")
        for where in ("text", "html"):
            unknown = unknown_variables(getattr(self, where))
            if unknown:
                raise ValueError(f"the canned reply {self.id!r} has an unknown variable in its {where}: {unknown[0]}")
        return self


class MailModel(_Strict):
    """``undo_seconds``: how long after Send a letter may still be taken back (0: not at all). To one domain go
    ``per_domain_per_minute`` letters at most, ``per_domain_at_once`` at a time. Without an ``acknowledgement`` the
    hub writes to nobody by itself."""

    undo_seconds: Annotated[float, Field(ge=0, le=120)] = 10
    per_domain_per_minute: Annotated[int, Field(ge=1, le=100_000)] = 120
    per_domain_at_once: Annotated[int, Field(ge=1, le=32)] = 8
    canned_replies: Annotated[list[CannedReplyModel], Field(max_length=500)] = []
    acknowledgement: AcknowledgementModel | None = None

    @model_validator(mode="after")
    def _named_once(self) -> MailModel:
        ids = [each.id for each in self.canned_replies]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"the canned reply {twice[0]!r} is there twice")
        return self

    def unknown_queue(self, known: set[str]) -> str:
        """What is wrong with the queues that it names; empty for nothing."""
        for each in self.canned_replies:
            missing = [queue for queue in each.queues if queue not in known]
            if missing:
                return f"the canned reply {each.id!r} is for the queue {missing[0]!r}, which is not defined"
        acknowledged = self.acknowledgement.queues if self.acknowledgement else []
        missing = [queue for queue in acknowledged if queue not in known]
        return f"the acknowledgement is for the queue {missing[0]!r}, which is not defined" if missing else ""
