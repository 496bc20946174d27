"""The configuration file's shape. Unknown keys are errors: a typing mistake must not pass for a setting."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator
from pydantic_core import ErrorDetails

from contact_center.config.checks import Problem, check, did_you_mean
from contact_center.config.experiments import ExperimentModel, RoutingLogModel, ShadowModel
from contact_center.config.hours import HolidaysModel, HoursModel
from contact_center.config.mail import MailModel
from contact_center.config.recognition import RecognitionModel
from contact_center.config.routing import PolicyModel, QueueRoutingModel, SegmentModel
from contact_center.config.telephony import CallRules, TelephonyModel
from contact_center.config.text import ConfigError as ConfigError  # where whoever reads a configuration looks for it
from contact_center.config.text import Text, read_text
from contact_center.config.wording import worded
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
    rings; unset is the policy's by medium. ``hours``: the opening hours of that id; none is always open (or as
    ``calls`` says). ``calls``: what the queue wants of its calls; ``routing``: what it wants of agents."""

    id: Id
    name: Name
    priority: Annotated[int, Field(ge=0, le=100)] = 0
    skills: dict[Id, Level] = {}
    target_seconds: Seconds = 20
    offer_seconds: Seconds | None = None
    hours: str = ""
    calls: CallRules = CallRules()
    routing: QueueRoutingModel = QueueRoutingModel()


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
    An admin with no queues answers nobody. ``password`` is only ever stored hashed. ``capacity``: how much of each
    medium at once; ``weighted_total``: how much of everything, as ``policy.weights`` weigh it (0: it is not weighed);
    ``most_of``: how much of a label that queues give their work."""

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
    weighted_total: Annotated[int, Field(ge=0, le=100_000)] = 0
    most_of: dict[Id, Annotated[int, Field(ge=0, le=1_000)]] = {}
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
    """The configuration of a hub. ``skills`` names those that nobody may have yet; every other is known by an agent
    who has it. ``segments``: what the house takes customers for."""

    time_zone: str = "UTC"
    skills: list[Id] = []
    hours: list[HoursModel] = []
    holidays: list[HolidaysModel] = []
    queues: list[QueueModel] = []
    entry_points: list[EntryPointModel] = []
    agents: list[AgentModel] = []
    dispositions: list[DispositionModel] = [DispositionModel(id="done", name="Done", name_zh="完成")]
    reasons: list[ReasonModel] = []
    policy: PolicyModel = PolicyModel()
    segments: list[SegmentModel] = []
    channels: dict[Id, dict[str, Any]] = {}
    telephony: TelephonyModel = TelephonyModel()
    mail: MailModel = MailModel()
    recordings: RecordingsModel = RecordingsModel()
    reconciling: ReconcilingModel = ReconcilingModel()
    recognition: RecognitionModel = RecognitionModel()
    routing_log: RoutingLogModel = RoutingLogModel()
    shadow: ShadowModel | None = None
    experiment: ExperimentModel | None = None

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError("is not a time zone; an example is Europe/London") from error
        return value

    _warnings: list[str] = PrivateAttr(default_factory=list)

    @property
    def warnings(self) -> list[str]:
        """What is allowed and perhaps not meant, each with its place."""
        return self._warnings


def read(path: Path) -> Config:
    """The configuration in a file, or in all ``*.yaml`` of a folder together. ``${NAME}`` stands for an
    environment variable. Raises :class:`ConfigError`."""
    text = read_text(path)
    return parse(text.data, path.name, text)


def parse(data: dict[str, Any], name: str = "configuration", text: Text | None = None) -> Config:
    """Raises :class:`ConfigError` with one line for each mistake: where it is, what is wrong, how to mend it."""
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        shape = [_problem(each) for each in error.errors()[: MOST_TOLD + 1]]
        raise ConfigError(_told(shape, name, text)) from error
    found: list[Problem] = []
    mistakes: list[Problem] = []
    for problem in check(config):
        (found if problem.warning else mistakes).append(problem)
        if len(mistakes) > MOST_TOLD:
            break
    if mistakes:
        raise ConfigError(_told(mistakes, name, text))
    config._warnings = _told(found, name, text)
    return config


MOST_TOLD = 100
"""So many mistakes of a text are told at once, and so many warnings."""


def _told(problems: list[Problem], name: str, text: Text | None) -> list[str]:
    """In the order in which they stand in the text."""
    placed = []
    for problem in problems[:MOST_TOLD]:
        place = text.place(problem.path, problem.offset) if text else None
        what = ".".join(str(part) for part in problem.path) or "the file"
        order = (place.file, place.line) if place else ("", 0)
        placed.append((order, f"{place or name}: {what}: {problem.told}"))
    told = [each for _, each in sorted(placed, key=lambda each: each[0])]
    return [*told, f"{name}: and there is more"] if len(problems) > MOST_TOLD else told


def _problem(error: ErrorDetails) -> Problem:
    """What pydantic found, in words for whoever wrote the text."""
    limits = error.get("ctx", {})
    cause = limits.get("error")
    path = tuple(step for step in error["loc"] if step != "[key]") + getattr(cause, "path", ())
    offset = getattr(cause, "at", 0)
    told = worded(error["type"], error["input"], limits) or error["msg"].removeprefix("Value error, ")
    if offset:
        told = f"at character {offset + 1}: {told}"
    match error["type"]:
        case "extra_forbidden":
            told = "there is no such setting" + did_you_mean(str(path[-1]), _settings_at(path[:-1]))
        case "missing":
            told = "is missing"
    return Problem(path, told, offset=offset)


def _settings_at(path: tuple[int | str, ...]) -> list[str]:
    """The settings that the model at ``path`` has; none where there is no model."""
    model: Any = Config
    for step in path:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[str(step)].annotation if step in model.model_fields else None
        else:
            model = next(iter(get_args(model)[-1:]), None)  # what a list holds, or the values of a mapping
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
