"""Every address of the REST interface, for everybody who may ask: a row for each, or the test fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hub import WITHIN_S, TestHub, house, open_test_hub

PASSWORD = "try-the-hub"
LENA = "+4915112345678"

# What an empty request is answered with: anonymous, agent, supervisor, admin's API key.
# 401 and 403 come before anything else is looked at, so that nobody learns what exists.
EVERYBODY = (200, 200, 200, 200)
SIGNED_IN = (401, 200, 200, 200)
SUPERVISORS = (401, 403, 200, 200)
ADMINS_ARGUMENTS = (401, 403, 403, 422)
UNKNOWN = (401, 404, 404, 404)
UNKNOWN_TO_SUPERVISORS = (401, 403, 404, 404)
NEEDS_ARGUMENTS = (401, 422, 422, 422)

ROWS: dict[tuple[str, str], tuple[int, int, int, int] | None] = {
    ("GET", "/health"): EVERYBODY,
    ("GET", "/ready"): EVERYBODY,
    ("GET", "/metrics"): EVERYBODY,
    ("GET", "/asyncapi.json"): EVERYBODY,
    ("GET", "/api/v1/schema/interaction-event.json"): EVERYBODY,
    ("POST", "/api/v1/session"): (422, 422, 422, 422),
    ("GET", "/api/v1/session"): SIGNED_IN,
    ("DELETE", "/api/v1/session"): (401, 204, 204, 204),
    ("GET", "/api/v1/console"): SIGNED_IN,
    ("GET", "/api/v1/channels"): SIGNED_IN,
    ("GET", "/api/v1/events"): SUPERVISORS,
    ("GET", "/api/v1/outbox"): SUPERVISORS,
    ("GET", "/api/v1/quarantine"): SUPERVISORS,
    ("POST", "/api/v1/quarantine/{entry}/replay"): UNKNOWN_TO_SUPERVISORS,
    ("GET", "/api/v1/interactions"): SIGNED_IN,
    ("GET", "/api/v1/interactions/{interaction_id}"): UNKNOWN,
    ("GET", "/api/v1/interactions/{interaction_id}/events"): None,
    ("GET", "/api/v1/interactions/{interaction_id}/why"): UNKNOWN,
    ("GET", "/api/v1/cases"): SIGNED_IN,
    ("GET", "/api/v1/cases/{case_id}"): UNKNOWN,
    ("GET", "/api/v1/cases/{case_id}/events"): None,
    ("GET", "/api/v1/customers"): SIGNED_IN,
    ("GET", "/api/v1/customers/{customer_id}"): UNKNOWN,
    ("GET", "/api/v1/queues"): SIGNED_IN,
    ("GET", "/api/v1/agents"): SIGNED_IN,
    ("GET", "/api/v1/offers"): SIGNED_IN,
    ("GET", "/api/v1/decisions/{decision_id}"): UNKNOWN,
    ("GET", "/api/v1/recordings"): NEEDS_ARGUMENTS,
    ("GET", "/api/v1/recordings/{recording_id}"): UNKNOWN,
    ("GET", "/api/v1/events/{event_id}/html"): UNKNOWN,
    ("GET", "/api/v1/events/{event_id}/page"): UNKNOWN,
    ("GET", "/api/v1/events/{event_id}/images/{number}"): UNKNOWN,
    ("GET", "/api/v1/events/{event_id}/attachments/{digest}"): UNKNOWN,
    ("GET", "/api/v1/events/{event_id}/attachments/{digest}/preview"): UNKNOWN,
    ("GET", "/api/v1/interactions/{interaction_id}/composing"): UNKNOWN,
    ("PUT", "/api/v1/interactions/{interaction_id}/draft/{kind}"): (401, 422, 422, 403),
    ("GET", "/api/v1/interactions/{interaction_id}/draft/{kind}"): (401, 404, 404, 403),
    ("DELETE", "/api/v1/interactions/{interaction_id}/draft/{kind}"): (401, 204, 204, 403),
    ("POST", "/api/v1/uploads"): (401, 200, 200, 403),
    ("GET", "/api/v1/uploads/{digest}"): (401, 404, 404, 403),
    ("GET", "/api/v1/canned-replies"): NEEDS_ARGUMENTS,
    ("GET", "/api/v1/undelivered"): SIGNED_IN,
    ("GET", "/api/v1/cases/counts"): SIGNED_IN,
    ("GET", "/api/v1/search/state"): SIGNED_IN,
    ("POST", "/api/v1/search/rebuild"): (401, 403, 403, 200),
    ("POST", "/api/v1/commands/case.link"): NEEDS_ARGUMENTS,
    ("GET", "/api/v1/flows"): SUPERVISORS,
    ("GET", "/api/v1/flows/{name}"): UNKNOWN_TO_SUPERVISORS,
    ("GET", "/api/v1/flows/{name}/diagram.svg"): UNKNOWN_TO_SUPERVISORS,
    ("GET", "/api/v1/flows/{name}/counts"): UNKNOWN_TO_SUPERVISORS,
    ("POST", "/api/v1/flows/check"): (401, 403, 422, 422),
    ("POST", "/api/v1/flows"): ADMINS_ARGUMENTS,
    ("POST", "/api/v1/mail/import"): ADMINS_ARGUMENTS,
    ("POST", "/api/v1/flows/{name}/rollback"): ADMINS_ARGUMENTS,
    ("POST", "/api/v1/config"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/set_state"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/set_agent_state"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/accept"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/reject"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/reply"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/note"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/hang_up"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/wrap_up"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/return_to_queue"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/rename_customer"): NEEDS_ARGUMENTS,
    **{
        ("POST", f"/api/v1/commands/{verb}"): NEEDS_ARGUMENTS
        for verb in (
            "hold",
            "mute",
            "send_keys",
            "add_party",
            "join_parties",
            "drop_party",
            "transfer",
            "complete_transfer",
            "place_call",
            "record",
            "ask_wrap_up",
            "promise_callback",
            "cancel_callback",
            "supervise",
            "unsend",
            "send_now",
            "outbox.retry",
            "outbox.dismiss",
            "pick",
            "keep_work",
            "set_capacity",
        )
    },
    ("GET", "/api/v1/phone"): (401, 200, 200, 404),
    ("GET", "/api/v1/callbacks"): SUPERVISORS,
    ("GET", "/api/v1/staffing"): SUPERVISORS,
    ("GET", "/api/v1/staffing/{queue_id}"): UNKNOWN_TO_SUPERVISORS,
    ("GET", "/api/v1/agents/{agent_id}/pause"): UNKNOWN_TO_SUPERVISORS,
    ("GET", "/api/v1/estimates"): SUPERVISORS,
    ("GET", "/api/v1/interactions/{interaction_id}/estimate"): UNKNOWN,
    ("GET", "/api/v1/service-level"): SUPERVISORS,
    ("GET", "/api/v1/fair-shares"): SUPERVISORS,
    ("GET", "/api/v1/routing/log"): SUPERVISORS,
    ("GET", "/api/v1/routing/shadow"): SUPERVISORS,
    ("GET", "/api/v1/routing/trials"): SUPERVISORS,
    ("POST", "/api/v1/routing/trials"): (401, 403, 422, 422),
    ("POST", "/api/v1/routing/trials/experiment"): UNKNOWN_TO_SUPERVISORS,
    ("GET", "/api/v1/routing/trials/{trial_id}"): UNKNOWN_TO_SUPERVISORS,
    ("GET", "/api/v1/routing/trials/{trial_id}/page"): UNKNOWN_TO_SUPERVISORS,
    ("DELETE", "/api/v1/routing/trials/{trial_id}"): UNKNOWN_TO_SUPERVISORS,
    ("GET", "/api/v1/schema/configuration.json"): EVERYBODY,
    ("GET", "/api/v1/customers/{customer_id}/standing"): UNKNOWN,
    ("PUT", "/api/v1/customers/{customer_id}/standing"): (401, 403, 422, 422),
    ("GET", "/api/v1/recognition"): SUPERVISORS,
    ("POST", "/api/v1/recognition/train"): (401, 403, 403, 200),
    ("POST", "/api/v1/recognition/models/{version}/choose"): (401, 403, 422, 422),
    ("POST", "/api/v1/recognition/try"): (401, 403, 422, 422),
    ("POST", "/api/v1/commands/set_intent"): NEEDS_ARGUMENTS,
    ("POST", "/api/v1/commands/set_language"): NEEDS_ARGUMENTS,
}
# None: a list of nothing's events, which is empty or not there.


def staffed() -> dict[str, Any]:
    agents = house()["agents"]
    for agent in agents:
        if agent["id"] in ("mei", "sana"):
            agent["password"] = PASSWORD
    return house(agents=agents)


async def signed_in(hub: TestHub, email: str, password: str = PASSWORD) -> str:
    """The session's cookie."""
    answer = await hub.anonymous.post("/api/v1/session", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    hub.anonymous.cookies.clear()
    return str(answer.cookies["cch_session"])


def path_of(template: str) -> str:
    for name in ("interaction_id", "customer_id", "decision_id", "event_id", "entry", "name", "recording_id"):
        template = template.replace("{" + name + "}", "nothing")
    template = template.replace("{kind}", "reply")
    return template.replace("{case_id}", "987654").replace("{digest}", "0" * 64).replace("{number}", "0")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_every_address_answers_everybody_as_it_should(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        described = (await hub.anonymous.get("/openapi.json")).json()["paths"]
        there = {(method.upper(), path) for path, methods in described.items() for method in methods}
        assert there == set(ROWS), "a row for each address, and an address for each row"
        wrong = []
        agent, supervisor = await signed_in(hub, "mei@hub.example"), await signed_in(hub, "sana@hub.example")
        for (method, template), row in sorted(
            ROWS.items(), key=lambda each: each[0] == ("DELETE", "/api/v1/session")
        ):
            asking: list[tuple[str, Any, dict[str, str]]] = [
                ("anonymous", hub.anonymous, {}),
                ("agent", hub.anonymous, {"Cookie": f"cch_session={agent}"}),
                ("supervisor", hub.anonymous, {"Cookie": f"cch_session={supervisor}"}),
                ("key", hub.http, {}),
            ]
            for number, (who, http, headers) in enumerate(asking):
                answer = await http.request(method, path_of(template), headers=headers)
                wanted = (row[number],) if row is not None else ((401,) if who == "anonymous" else (200, 404))
                if answer.status_code not in wanted:
                    wrong.append(f"{method} {template} for {who}: {answer.status_code}, not {wanted}")
                if answer.status_code >= 400:
                    assert set(answer.json()) == {"error"}, answer.text
                    assert set(answer.json()["error"]) == {"code", "message"}
            hub.anonymous.cookies.clear()
        assert wrong == []


async def test_a_wrong_key_a_stale_cookie_and_a_foreign_scheme_are_nobody(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        for headers in (
            {"Authorization": "Bearer wrong-key-0123456789"},
            {"Authorization": "Bearer"},
            {"Authorization": "Basic dGVzdDp0ZXN0"},
            {"Cookie": "cch_session=nothing"},
            {"Cookie": "cch_session="},
        ):
            answer = await hub.anonymous.get("/api/v1/console", headers=headers)
            assert answer.status_code == 401, headers


async def test_a_key_that_names_no_agent_is_told_so(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        assert (await hub.http.get("/api/v1/console?agent=nobody")).status_code == 404
        answer = await hub.http.post("/api/v1/commands/set_state?agent=mei", json={"state": "ready"})
        assert answer.json()["value"]["agent"]["state"] == "ready"
        answer = await hub.http.post("/api/v1/commands/set_state", json={"state": "ready"})
        assert answer.status_code == 404, "a key by itself has no desk"


async def test_agents_see_their_own_lists_and_supervisors_everybodys(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub, hub.at_work("jonas") as (jonas,):
        await hub.twilio.sms(LENA, "Hello?")
        work = await jonas.accept()
        for email, sees in (("mei@hub.example", False), ("sana@hub.example", True)):
            headers = {"Cookie": f"cch_session={await signed_in(hub, email)}"}
            for path in ("interactions", "offers", "interactions?agent=jonas"):
                items = (await hub.anonymous.get(f"/api/v1/{path}", headers=headers)).json()["items"]
                assert [item["interaction_id"] for item in items] == ([work.interaction_id] if sees else [])


# --- a browser's requests --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "OWN"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "OWN"}, 403),
    ],
)
@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_an_unsafe_request_with_a_cookie_must_come_from_our_own_pages(
    database_url: str, tmp_path: Path, headers: dict[str, str], status: int
) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        cookie = {"Cookie": f"cch_session={await signed_in(hub, 'mei@hub.example')}"}
        headers = {name: hub.url if value == "OWN" else value for name, value in headers.items()}
        answer = await hub.anonymous.post(
            "/api/v1/commands/set_state", json={"state": "ready"}, headers={**cookie, **headers}
        )
        assert answer.status_code == status
        answer = await hub.anonymous.get("/api/v1/console", headers={**cookie, **headers})
        assert answer.status_code == 200, "reading is harmless: the page cannot see the answer"
        signing_in = await hub.anonymous.post(
            "/api/v1/session", json={"email": "mei@hub.example", "password": PASSWORD}, headers=headers
        )
        assert signing_in.status_code == status, "nor may a foreign page sign somebody in"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_foreign_page_cannot_open_the_socket_with_the_cookie(database_url: str, tmp_path: Path) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        cookie = await signed_in(hub, "mei@hub.example")
        for origin, code in (("https://evil.example", 4403), (hub.url, None)):
            async with connect(
                hub.url.replace("http", "ws") + "/agent",
                additional_headers={"Cookie": f"cch_session={cookie}", "Origin": origin},
                open_timeout=WITHIN_S,
                ping_interval=None,
                proxy=None,
            ) as connection:
                if code is None:
                    assert '"hello"' in str(await connection.recv())
                else:
                    with pytest.raises(ConnectionClosed):
                        await connection.recv()
                    assert connection.close_code == code


# --- signing in --------------------------------------------------------------------


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_session_begins_and_ends(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        answer = await hub.anonymous.post(
            "/api/v1/session", json={"email": " MEI@hub.example ", "password": PASSWORD}
        )
        assert answer.json()["me"] == {
            "id": "mei",
            "name": "Mei Lin 林美",
            "email": "mei@hub.example",
            "role": "agent",
            "locale": "",
            "agent_id": "mei",
        }
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()
        assert "Secure" not in cookie, "this hub is reached over http"
        token = answer.cookies["cch_session"]
        assert token not in str(await hub.rows("sessions")), "only its hash is kept"
        assert (await hub.anonymous.get("/api/v1/session")).json() == answer.json()
        async with hub.agent("", cookie=token) as console:
            assert (await hub.anonymous.delete("/api/v1/session")).status_code == 204
            assert await console.ended() == 4403, "its sockets close"
        stale = {"Cookie": f"cch_session={token}"}
        assert (await hub.anonymous.get("/api/v1/session", headers=stale)).status_code == 401


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_session_is_over_after_its_time(database_url: str, tmp_path: Path) -> None:
    from contact_center.web.principal import SESSION_MS

    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        cookie = {"Cookie": f"cch_session={await signed_in(hub, 'mei@hub.example')}"}
        hub.clock.now += SESSION_MS - 1
        assert (await hub.anonymous.get("/api/v1/session", headers=cookie)).status_code == 200
        hub.clock.now += 1
        assert (await hub.anonymous.get("/api/v1/session", headers=cookie)).status_code == 401


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_behind_https_the_cookie_never_travels_in_the_clear(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed(), public_url="https://hub.example") as hub:
        answer = await hub.anonymous.post("/api/v1/session", json={"email": "mei@hub.example", "password": PASSWORD})
        assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_wrong_password_and_an_unknown_address_are_told_the_same(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        told = []
        for email in ("mei@hub.example", "nobody@hub.example", "jonas@hub.example"):  # Jonas has no password
            answer = await hub.anonymous.post("/api/v1/session", json={"email": email, "password": "wrong-password"})
            assert answer.status_code == 401
            told.append(answer.content)
        assert len(set(told)) == 1


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_guessing_one_password_is_slowed_down_and_harms_nobody_else(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        codes = []
        for n in range(12):
            answer = await hub.anonymous.post(
                "/api/v1/session", json={"email": "mei@hub.example", "password": f"guess-{n:04}"}
            )
            codes.append(answer.status_code)
        assert codes == [401] * 10 + [429] * 2
        assert answer.headers["retry-after"]
        right = await hub.anonymous.post("/api/v1/session", json={"email": "mei@hub.example", "password": PASSWORD})
        assert right.status_code == 429, "or guessing could go on"
        assert await signed_in(hub, "sana@hub.example")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_guessing_many_passwords_at_once_is_slowed_down(database_url: str, tmp_path: Path) -> None:
    import asyncio

    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        answers = await asyncio.gather(
            *(
                hub.anonymous.post("/api/v1/session", json={"email": f"a{n}@hub.example", "password": "guess-0000"})
                for n in range(40)
            )
        )
        codes = [answer.status_code for answer in answers]
        assert codes.count(401) <= 24
        assert codes.count(429) >= 16


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_whole_shift_may_sign_in_from_one_office_at_once(database_url: str, tmp_path: Path) -> None:
    """Everybody behind one router has one address: only failures count against it."""
    async with open_test_hub(database_url, tmp_path, config=staffed()) as hub:
        for _ in range(30):
            await signed_in(hub, "mei@hub.example")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_the_demos_accounts_are_shown_only_by_a_demo(database_url: str, tmp_path: Path) -> None:
    async with open_test_hub(database_url, tmp_path) as hub:
        assert (await hub.anonymous.get("/api/v1/demo")).status_code == 404
