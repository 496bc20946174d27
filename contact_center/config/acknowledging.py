"""The configuration's acknowledgements: what the hub answers by itself to mail that opens a case."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contact_center.domain.canned_replies import unknown_variables

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Subject = Annotated[str, Field(min_length=1, max_length=150)]
Words = Annotated[str, Field(min_length=1, max_length=10_000)]
_SAFE = ("case.id", "queue.name")
_HOLE = re.compile(r"\{\{([^{}]{0,100})\}\}")


class AcknowledgementModel(BaseModel):
    """Written to whoever opens a case by mail in one of ``queues`` (none: in any). The words are the operator's
    alone: the only holes are ``{{case.id}}`` and ``{{queue.name}}``, for nothing that a sender wrote may leave under
    our name. At most once in ``per_address_hours`` to one address, ``per_domain_per_hour`` to one domain, and
    ``per_hour`` to everybody: beyond that all are stopped, and the channel says so."""

    model_config = ConfigDict(extra="forbid")

    queues: Annotated[list[Id], Field(max_length=500)] = []
    subject: Subject = "We have received your message (case {{case.id}})"
    subject_zh: Subject = "我们已收到您的来信（服务单 {{case.id}}）"
    text: Words
    text_zh: Annotated[str, Field(max_length=10_000)] = ""
    per_address_hours: Annotated[float, Field(ge=1, le=24 * 30)] = 24
    per_domain_per_hour: Annotated[int, Field(ge=1, le=10_000)] = 60
    per_hour: Annotated[int, Field(ge=1, le=100_000)] = 200

    @field_validator("subject", "subject_zh", "text", "text_zh")
    @classmethod
    def _operators_words(cls, value: str) -> str:
        named = [match[0] for match in _HOLE.finditer(value) if match[1].strip() not in _SAFE]
        if named or unknown_variables(value):
            raise ValueError(f"may have {{{{case.id}}}} and {{{{queue.name}}}} in it, not {named[0]}")
        return value

    @field_validator("subject", "subject_zh")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if "\n" in value or "\r" in value:
            raise ValueError("must be one line")
        return value
