"""The configuration's telephony: what a queue wants of its calls, what may be dialled, which services flows ask."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from contact_center.config.hours import week_of
from contact_center.domain.contact_points import phone as phone_point
from contact_center.domain.dialling import ORDINARY, DiallingPolicy, Kind
from contact_center.domain.queue_rules import CallbackRule, QueueRules, WrapUpRule

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Minutes = Annotated[float, Field(ge=0, le=7 * 24 * 60)]
Clock = Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
_HOLE = re.compile(r"\{([^{}]*)\}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class WrapUpModel(_Strict):
    """After-call work: ``mandatory`` until the agent says how it ended, ``optional``, ``timed`` (ends by itself after
    ``seconds``), ``forced`` (lasts exactly so long) or ``asked`` (none, unless the agent asks for it in the call).
    ``disposition`` and ``case_status`` count where the agent says nothing."""

    mode: Literal["mandatory", "optional", "timed", "forced", "asked"] = "mandatory"
    seconds: Annotated[float, Field(ge=0, le=3_600)] = 0
    disposition: Id = "none"
    case_status: Literal["open", "pending", "closed"] = "closed"


class CallbacksModel(_Strict):
    """``offered``: callers may ask for one. ``after_abandon``: who hangs up after ``abandon_after_seconds`` gets one.
    ``attempts`` at most, ``gap_minutes`` apart, between ``earliest`` and ``latest`` in the hub's time zone."""

    offered: bool = True
    after_abandon: bool = True
    abandon_after_seconds: Annotated[float, Field(ge=0, le=3_600)] = 10
    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    gap_minutes: Annotated[float, Field(ge=0.01, le=7 * 24 * 60)] = 15
    earliest: Clock = "08:00"
    latest: Clock = "21:00"


class CallRules(_Strict):
    """What a queue wants of its calls. ``redial_minutes``: who rings again within them has the place they had.
    ``record``: ``consent`` records those who were asked and agreed. ``most_waiting`` and ``longest_wait_minutes``
    0 are no limit. ``hours`` are in the hub's time zone; none is always."""

    wrap_up: WrapUpModel = WrapUpModel()
    callbacks: CallbacksModel = CallbacksModel()
    redial_minutes: Minutes = 10
    record: Literal["never", "always", "consent"] = "never"
    most_waiting: Annotated[int, Field(ge=0, le=100_000)] = 0
    longest_wait_minutes: Minutes = 0
    hours: dict[str, str] = {}
    whisper: bool = True
    estimate: Literal["average", "at_most", "if_right"] = "average"

    @field_validator("hours")
    @classmethod
    def _readable(cls, value: dict[str, str]) -> dict[str, str]:
        week_of(value)
        return value


def stored_rules(rules: CallRules) -> dict[str, Any]:
    """The rules as they are stored with the queue: what differs from the product's defaults."""
    wrap_up, callbacks = rules.wrap_up, rules.callbacks
    whole = QueueRules(
        wrap_up=WrapUpRule(wrap_up.mode, round(wrap_up.seconds * 1_000), wrap_up.disposition, wrap_up.case_status),
        callbacks=CallbackRule(
            callbacks.offered,
            callbacks.after_abandon,
            round(callbacks.abandon_after_seconds * 1_000),
            callbacks.attempts,
            round(callbacks.gap_minutes * 60_000),
            _minute(callbacks.earliest),
            _minute(callbacks.latest),
        ),
        redial_ms=round(rules.redial_minutes * 60_000),
        record=rules.record,
        most_waiting=rules.most_waiting,
        longest_wait_ms=round(rules.longest_wait_minutes * 60_000),
        hours=week_of(rules.hours),
        whisper=rules.whisper,
        estimate=rules.estimate,
    )
    if whole == QueueRules():
        return {}
    stored: dict[str, Any] = {"written": rules.model_dump(exclude_defaults=True)}
    for name in ("redial_ms", "record", "most_waiting", "longest_wait_ms", "whisper", "estimate"):
        stored[name] = getattr(whole, name)
    stored["hours"] = [list(window) for window in whole.hours]
    for name, rule in (("wrap_up", whole.wrap_up), ("callbacks", whole.callbacks)):
        stored[name] = {each: getattr(rule, each) for each in rule.__slots__}
    return stored


def _minute(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


class DiallingModel(_Strict):
    """What may be called at all, by agents, flows and callbacks alike. ``countries`` (ISO 3166) and ``kinds`` of
    numbers; ``numbers`` (E.164) whatever they are. Nothing is called until a country or a number is named."""

    countries: list[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]] = []
    kinds: list[Kind] = sorted(ORDINARY)
    numbers: list[Annotated[str, Field(pattern=r"^\+[0-9]{3,15}$")]] = []
    per_number_day: Annotated[int, Field(ge=0, le=100_000)] = 10
    per_caller_day: Annotated[int, Field(ge=0, le=100_000)] = 20
    per_hour: Annotated[int, Field(ge=0, le=1_000_000)] = 300
    longest_minutes: Annotated[float, Field(ge=1, le=24 * 60)] = 120


class ServiceModel(_Strict):
    """A service that flows may ask by its ``id``. ``{name}`` in ``url`` is a value of the flow's, escaped; a caller
    can fill it and change nothing else. It answers with JSON."""

    id: Id
    url: Annotated[str, Field(max_length=2_000)]
    method: Literal["GET", "POST"] | None = None
    headers: dict[str, str] = {}

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("is no http or https address")
        if "{" in parts.netloc:
            raise ValueError("has a value in its host: only the path and the query may")
        for name in _HOLE.findall(value):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"has {{{name}}}, which is no name of a value")
        return value


class TelephonyModel(_Strict):
    """``caller_id`` is the number that our own calls show where the customer dialled none. ``code_channel`` and
    ``code_sender`` send one-time codes by SMS."""

    caller_id: str = ""
    code_channel: str = ""
    code_sender: str = ""
    dialling: DiallingModel = DiallingModel()
    services: list[ServiceModel] = []

    @field_validator("caller_id", "code_sender")
    @classmethod
    def _number(cls, value: str) -> str:
        if value and phone_point(value).kind != "phone":
            raise ValueError("is no number in the international form, such as +12025550100")
        return phone_point(value).value if value else ""


def stored_telephony(model: TelephonyModel) -> dict[str, Any]:
    """As it is stored under ``telephony``."""
    dialling = model.dialling
    policy = DiallingPolicy(
        per_number_day=dialling.per_number_day,
        per_caller_day=dialling.per_caller_day,
        per_hour=dialling.per_hour,
        longest_ms=round(dialling.longest_minutes * 60_000),
    )
    return {
        "caller_id": model.caller_id,
        "code_channel": model.code_channel,
        "code_sender": model.code_sender,
        "dialling": {
            "countries": sorted(dialling.countries),
            "kinds": sorted(dialling.kinds),
            "numbers": sorted(dialling.numbers),
            "per_number_day": policy.per_number_day,
            "per_caller_day": policy.per_caller_day,
            "per_hour": policy.per_hour,
            "longest_ms": policy.longest_ms,
        },
        "services": [service.model_dump(exclude_none=True) for service in model.services],
    }


def written_telephony(stored: dict[str, Any]) -> dict[str, Any]:
    """Back in the file's shape."""
    if not stored:
        return {}
    dialling = dict(stored["dialling"])
    dialling["longest_minutes"] = dialling.pop("longest_ms") / 60_000
    return TelephonyModel.model_validate({**stored, "dialling": dialling}).model_dump(
        exclude_defaults=True, exclude_none=True
    )
