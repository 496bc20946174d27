"""What the back office says of a customer: what the house takes them for, whose account they are, whom they want."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from contact_center.domain.errors import NotFound, NotValid
from contact_center.storage import agents, customers, policies
from contact_center.storage.connection import Connection
from contact_center.web.answers import Json
from contact_center.web.principal import Hub, SignedIn, Supervising

router = APIRouter(prefix="/api/v1/customers")

Id = Annotated[str, StringConstraints(max_length=64)]


class StandingBody(BaseModel):
    """All of it: what is left out is nothing. ``segment``: one of the configuration's; ``owner`` and ``preferred``:
    agents' ids, the first before the next."""

    model_config = ConfigDict(extra="forbid")

    segment: Id = ""
    owner: Id = ""
    preferred: Annotated[list[Id], Field(max_length=20)] = []


@router.get("/{customer_id}/standing", summary="What the house says of a customer")
async def read_standing(customer_id: str, _: SignedIn, runtime: Hub) -> Response:
    return Json(await runtime.executor.read(_read, customer_id[:64]))


@router.put("/{customer_id}/standing", summary="Say whom the house takes a customer for, and whose they are")
async def put_standing(customer_id: str, body: StandingBody, _: Supervising, runtime: Hub) -> Response:
    """For supervisors and the back office's API key. It counts for what comes in from now on."""
    return Json(await runtime.executor.write(_put, customer_id[:64], body))


def _read(conn: Connection, customer_id: str) -> dict[str, Any]:
    if customers.get(conn, customer_id) is None:
        raise NotFound("customer")
    return customers.standing(conn, customer_id)._asdict()


def _put(conn: Connection, customer_id: str, body: StandingBody) -> dict[str, Any]:
    if body.segment and policies.segment(conn, body.segment) is None:
        raise NotValid("segment", f"The configuration has no segment {body.segment!r}.")
    for agent_id in (*([body.owner] if body.owner else []), *body.preferred):
        if agents.get(conn, agent_id) is None:
            raise NotValid("agent", f"There is no agent {agent_id!r}.")
    said = customers.Standing(body.segment, body.owner, tuple(dict.fromkeys(body.preferred)))
    if not customers.put_standing(conn, customer_id, said):
        raise NotFound("customer")
    return said._asdict()
