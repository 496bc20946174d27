"""The configuration file's shape. Unknown keys are errors: a typing mistake must not pass for a setting."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from contact_center.config.mail import MailModel
from contact_center.config.recognition import RecognitionModel
from contact_center.config.telephony import CallRules, TelephonyModel
from contact_center.domain.agents import DEFAULT_CAPACITY
from contact_center.domain.contact_points import email as email_point
from contact_center.domain.contact_points import phone as phone_point

Name = Annotated[str, Field(min_length=1, max_length=200)]
Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Level = Annotated[int, Field(ge=1, le=5)]
Medium = Literal["voice", "sms", "email", "chat", "other"]
Seconds = Annotated[float, Field(ge=0.001, le=86_400)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class QueueModel(_Strict):
    """``target_seconds``: answered within this counts for the service level. ``offer_seconds``: how long an offer
    rings; unset is the policy's by medium. ``calls``: what the queue wants of its calls."""

    id: Id
    name: Name
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    skills: dict[Id, Level] = {}
    target_seconds: Seconds = 20
    offer_seconds: Seconds | None = None
    calls: CallRules = CallRules()


class EntryPointModel(_Strict):
    """``dialled``: the number, mailbox address or widget entry that customers reach; ``*`` is any of the channel."""

    channel: Id
    dialled: Annotated[str, Field(min_length=1, max_length=320)]
    queue: Id = "general"
    flow: str = ""
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    skills: dict[Id, Level] = {}
    language: str = ""

    @field_validator("dialled")
    @classmethod
    def _canonical(cls, value: str) -> str:
        value = value.strip()
        if "@" in value:
            return email_point(value).value
        return phone_point(value).value if value.startswith("+") else value


class AgentModel(_Strict):
    """Somebody who signs in. ``phone``: ``client:<id>``, ``sip:…`` or a number; unset is the browser's phone.
    An admin with no queues answers nobody. ``password`` is only ever stored hashed."""

    id: Id
    name: Name
    public_name: str = ""
    email: Annotated[str, Field(max_length=320)]
    password: Annotated[str, Field(min_length=8, max_length=200)] | None = None
    role: Literal["agent", "supervisor", "admin"] = "agent"
    locale: Literal["", "en", "zh"] = ""
    queues: list[Id] = []
    skills: dict[Id, Level] = {}
    capacity: dict[Medium, Annotated[int, Field(ge=0, le=50)]] = dict(DEFAULT_CAPACITY)
    phone: str = ""

    @field_validator("capacity")
    @classmethod
    def _whole_capacity(cls, value: dict[Medium, int]) -> dict[Medium, int]:
        """Work that no list of channels thinks of, such as a message on the answering machine, reaches somebody."""
        return {**value, "other": value.get("other", DEFAULT_CAPACITY["other"])}

    @field_validator("email")
    @classmethod
    def _address(cls, value: str) -> str:
        point = email_point(value)
        if point.kind != "email":
            raise ValueError("is not an e-mail address")
        return point.value


class DispositionModel(_Strict):
    id: Id
    name: Name
    name_zh: str = ""
    case_status: Literal["open", "pending", "closed"] = "closed"


class ReasonModel(_Strict):
    id: Id
    name: Name
    name_zh: str = ""


class PolicyModel(_Strict):
    """How routing weighs things; unset is the product's default (docs/routing.md)."""

    ageing_seconds: Annotated[float, Field(ge=0)] | None = None
    sticky_hours: Annotated[float, Field(ge=0)] | None = None
    reoffer_cooldown_seconds: Annotated[float, Field(ge=0)] | None = None
    sole_cooldown_seconds: Annotated[float, Field(ge=0)] | None = None
    offer_seconds: dict[Medium, Seconds] = {}

    @model_validator(mode="after")
    def _cooldowns(self) -> PolicyModel:
        longest = 30 if self.reoffer_cooldown_seconds is None else self.reoffer_cooldown_seconds
        if self.sole_cooldown_seconds is not None and self.sole_cooldown_seconds > longest:
            raise ValueError(f"sole_cooldown_seconds cannot be longer than reoffer_cooldown_seconds ({longest:g})")
        return self


class RecordingsModel(_Strict):
    """``keep_days``: how long the hub keeps a recording; null is for ever. ``remove_at_provider``: the provider's
    copy goes as soon as the hub has its own, or stays. A recording that isn't there after ``hours_until_missing`` is
    given up."""

    keep_days: Annotated[float, Field(gt=0, le=36_500)] | None = 90
    remove_at_provider: Literal["after_fetch", "never"] = "after_fetch"
    hours_until_missing: Annotated[float, Field(gt=0, le=24 * 30)] = 24


class ReconcilingModel(_Strict):
    """How the hub finds what no webhook told it: every so often it asks each provider what has happened (null:
    never). A call that has been silent for ``silent_minutes`` (in the menu: ``silent_minutes_in_flow``) is asked
    about at once."""

    every_minutes: Annotated[float, Field(ge=0.1, le=24 * 60)] | None = 5
    overlap_minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 15
    silent_minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 1.5
    silent_minutes_in_flow: Annotated[float, Field(gt=0, le=24 * 60)] = 1.5


class Config(_Strict):
    time_zone: str = "UTC"
    queues: list[QueueModel] = []
    entry_points: list[EntryPointModel] = []
    agents: list[AgentModel] = []
    dispositions: list[DispositionModel] = [DispositionModel(id="done", name="Done", name_zh="完成")]
    reasons: list[ReasonModel] = []
    policy: PolicyModel = PolicyModel()
    channels: dict[Id, dict[str, Any]] = {}
    telephony: TelephonyModel = TelephonyModel()
    mail: MailModel = MailModel()
    recordings: RecordingsModel = RecordingsModel()
    reconciling: ReconcilingModel = ReconcilingModel()
    recognition: RecognitionModel = RecognitionModel()

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is not a time zone; an example is Europe/London") from error
        return value

    @model_validator(mode="after")
    def _whole(self) -> Config:
        for what, ids in (
            ("queue", [q.id for q in self.queues]),
            ("agent", [a.id for a in self.agents]),
            ("agent's e-mail", [a.email for a in self.agents]),
            ("entry point", [f"{e.channel} {e.dialled}" for e in self.entry_points]),
            ("disposition", [d.id for d in self.dispositions]),
            ("reason", [r.id for r in self.reasons]),
        ):
            twice = sorted({i for i in ids if ids.count(i) > 1})
            if twice:
                raise ValueError(f"the {what} {twice[0]!r} is there twice")
        known = {queue.id for queue in self.queues} | {"general"}
        for agent in self.agents:
            missing = [queue for queue in agent.queues if queue not in known]
            if missing:
                raise ValueError(f"agent {agent.id} is in the queue {missing[0]!r}, which is not defined")
        for entry in self.entry_points:
            if entry.queue not in known:
                raise ValueError(f"{entry.channel} {entry.dialled} leads to {entry.queue!r}, which is not defined")
        if unknown := self.mail.unknown_queue(known):
            raise ValueError(unknown)
        if unknown := self.recognition.unknown(known, {each.id for each in self.dispositions}):
            raise ValueError(unknown)
        return self


class ConfigError(Exception):
    """The file cannot be used; ``problems`` are sentences that say where and why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def read(path: Path) -> Config:
    """The configuration in a file, or in all ``*.yaml`` of a folder together. ``${NAME}`` stands for an
    environment variable. Raises :class:`ConfigError`."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise ConfigError([f"{path} holds no .yaml file"])
    whole: dict[str, Any] = {}
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError([f"{file}: {error}"]) from error
        _merge(whole, _load(file.name, text), file.name)
    return parse(whole, path.name)


def _load(name: str, text: str) -> dict[str, Any]:
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            missing.append(f"{name}: the environment variable {match[1]} is not set")
        return found or ""

    text = _VARIABLE.sub(value, text)
    if missing:
        raise ConfigError(missing)
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigError([f"{where}: {getattr(error, 'problem', error)}"]) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError([f"{name}: the top must be a mapping (queues:, agents:, …)"])
    return data


def _merge(whole: dict[str, Any], part: dict[str, Any], name: str) -> None:
    for key, value in part.items():
        if isinstance(value, list) and isinstance(whole.get(key), list):
            whole[key] = whole[key] + value
        elif isinstance(value, dict) and isinstance(whole.get(key), dict):
            whole[key] = {**whole[key], **value}
        elif key in whole:
            raise ConfigError([f"{name}: {key} is already set in another file"])
        else:
            whole[key] = value


def parse(data: dict[str, Any], name: str = "configuration") -> Config:
    """Raises :class:`ConfigError` with one line for each mistake."""
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            [
                f"{name}: {'.'.join(str(part) for part in problem['loc']) or 'the file'}: "
                f"{problem['msg'].removeprefix('Value error, ')}"
                for problem in error.errors()
            ]
        ) from error
