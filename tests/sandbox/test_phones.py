"""Each telephone does what it is set to, and a person or a script can hold it."""

from __future__ import annotations

import asyncio

import pytest
from twilio.rest import Client

from contact_center.sandbox.carrier import steps
from contact_center.sandbox.carrier.mischief import Mischief
from contact_center.sandbox.carrier.phones import MAX_PHONES, Phones
from contact_center.sandbox.settings import DEMO_PHONES
from tests.sandbox.conftest import Sandbox
from tests.sandbox.fake_hub import FakeHub

pytestmark = [
    pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The 'auth' parameter is deprecated:DeprecationWarning"),
]

VOICE = "/webhooks/twilio_voice"
LENA = "+4930901820"
HUB = "+12025550100"
MEI = "client:mei"
MENU = (
    f'<Response><Gather input="dtmf speech" numDigits="1" timeout="60" action="{VOICE}/input">'
    "<Say>Press one for sales.</Say></Gather></Response>"
)


async def place(twilio: Client, to: str, twiml: str = '<Response><Gather timeout="60"/></Response>') -> str:
    return str((await twilio.calls.create_async(to=to, from_=HUB, twiml=twiml, timeout=600)).sid)


def test_telephones_that_somebody_set_are_remembered_however_many_call() -> None:
    phones = Phones(Mischief(), 0.0)
    phones.at(MEI).stands = True
    phones.at(LENA).answers = "busy"
    for number in range(MAX_PHONES + 10):
        phones.at(f"+1500{number}")
    assert len(phones.known) == MAX_PHONES
    assert phones.manner(LENA) == ("busy", 0.0)
    assert MEI in phones.known


async def test_an_agents_telephone_answers_by_itself_unless_it_is_set_to_ring(
    sandbox: Sandbox, twilio: Client
) -> None:
    await sandbox.call_until(await place(twilio, MEI), "listening")
    phone = await sandbox.post("/phones", number=MEI, answers="ring", name="Mei Lin")
    assert (phone["answers"], phone["kind"], phone["usual"]) == ("ring", "desk", False)
    ringing = await place(twilio, MEI)
    await sandbox.call_until(ringing, "ringing")
    await sandbox.post(f"/calls/{ringing}/hang_up")
    declined = await sandbox.call_until(ringing, "ended")
    assert (declined["status"], declined["ended_by"]) == ("busy", "agent")
    again = await place(twilio, MEI)
    await sandbox.post(f"/calls/{again}/answer")
    await sandbox.call_until(again, "listening")
    [shown] = [phone for phone in (await sandbox.get("/phones"))["items"] if phone["number"] == MEI]
    assert (shown["number"], shown["name"], len(shown["calls"])) == (MEI, "Mei Lin", 2)
    usual = await sandbox.post("/phones", number=MEI, answers="")
    assert (usual["answers"], usual["usual"]) == ("answer", True)


async def test_a_telephone_outside_can_be_set_to_answer_after_a_while_and_to_speak(
    hub: FakeHub, sandbox: Sandbox, twilio: Client
) -> None:
    await sandbox.post(
        "/phones", number=LENA, answers="answer", after_ms=50, steps=[{"wait_for": "listening", "say": "Yes, please"}]
    )
    gather = f'<Response><Gather input="speech" timeout="60" action="{hub.url}/said"/></Response>'
    await place(twilio, LENA, gather)
    assert (await hub.hears("/said"))["SpeechResult"] == "Yes, please"


async def test_a_scripted_caller_plays_its_steps_and_tells_what_became_of_them(
    hub: FakeHub, sandbox: Sandbox
) -> None:
    hub.script = {
        VOICE: MENU,
        f"{VOICE}/input": f'<Response><Say>You are number 3 in line.</Say><Gather input="speech" timeout="60"'
        f' action="{VOICE}/end"/></Response>',
        f"{VOICE}/end": "<Response><Say>Goodbye.</Say><Gather timeout='60'/></Response>",
    }
    play = await sandbox.post(
        "/calls/script",
        **{
            "from": LENA,
            "steps": [
                {"wait_for": "press ONE", "press": "1"},
                {"wait_for": "/number \\d in line/", "say": "Thank you"},
                {"wait_for": "goodbye", "hang_up_after_ms": 10},
            ],
        },
    )
    done = await sandbox.get(f"/calls/script/{play['call_sid']}", wait_ms=60_000)
    assert (done["state"], done["step"], len(done["took_ms"])) == ("done", 3, 3)
    assert (done["call"]["status"], done["call"]["ended_by"]) == ("completed", "customer")
    assert [line["text"] for line in done["call"]["lines"] if line["kind"] in ("me", "key")] == ["1", "Thank you"]


async def test_a_script_that_waits_in_vain_is_stuck_and_one_whose_call_ends_is_over(
    hub: FakeHub, sandbox: Sandbox
) -> None:
    hub.script[VOICE] = MENU
    steps = [{"wait_for": "listening"}, {"wait_for": "free beer", "within_ms": 50}]
    stuck = await sandbox.post("/calls/script", **{"from": LENA, "steps": steps})
    shown = await sandbox.get(f"/calls/script/{stuck['call_sid']}", wait_ms=60_000)
    assert (shown["state"], shown["step"], shown["call"]["status"]) == ("stuck", 1, "in-progress")
    hub.script[VOICE] = "<Response><Hangup/></Response>"
    over = await sandbox.post(
        "/calls/script", **{"from": "+15005550001", "steps": [{"wait_for": "queue", "press": "1"}]}
    )
    shown = await sandbox.get(f"/calls/script/{over['call_sid']}", wait_ms=60_000)
    assert (shown["state"], shown["call"]["where"]) == ("over", "ended")


async def test_two_hundred_scripted_callers_at_once_are_all_served(hub: FakeHub, sandbox: Sandbox) -> None:
    hub.script = {VOICE: MENU, f"{VOICE}/input": "<Response><Say>Goodbye.</Say></Response>"}
    patient: dict[str, object] = {"within_ms": 600_000}
    steps: list[dict[str, object]] = [
        {"wait_for": "Press one", **patient},
        {"pause_ms": 3_000},
        {"press": "1"},
        {"wait_for": "Goodbye", **patient},
        {"wait_for": "ended", **patient},
    ]
    # They come one after the other: a carrier waits fifteen seconds for an answer, however busy the machine is.
    plays = [await sandbox.post("/calls/script", **{"from": f"+1500555{n:04}", "steps": steps}) for n in range(200)]
    states = await asyncio.gather(*(state_at_the_end(sandbox, play["call_sid"]) for play in plays))
    assert set(states) == {"done"}


async def state_at_the_end(sandbox: Sandbox, sid: str) -> str:
    """What the script came to, whenever that is."""
    while True:
        play = await sandbox.get(f"/calls/script/{sid}", wait_ms=60_000)
        if play["state"] != "running":
            return str(play["state"])


SENSELESS: list[tuple[object, str]] = [
    ("press 1", "steps is a list"),
    ([{}], "Step 1: a step waits for something"),
    ([{"press": "1", "say": "x"}], "Step 1: a step waits for something, or does one thing"),
    ([{"press": "x"}], "Step 1: press is"),
    ([{"press": "1"}, {"say": "  "}], "Step 2: say is a text"),
    ([{"wait_for": "x" * 201}], "Step 1: wait_for is a text"),
    ([{"wait_for": "/(a+)+$/"}], "Step 1: the expression repeats too much"),
    ([{"wait_for": "/a*a*a*b/"}], "Step 1: the expression repeats too much"),
    ([{"wait_for": "/(a)\\1/"}], "Step 1: the expression repeats too much"),
    ([{"wait_for": "/(/"}], "Step 1: no regular expression"),
    ([{"dance": True}], "Step 1: dance is nothing that a caller does"),
    ([{"pause_ms": -1}], "Step 1: pause_ms is a number"),
    ([{"pause_ms": True}], "Step 1: pause_ms is a number"),
    ([{"press": "1"}] * 101, "steps is a list of at most 100"),
]


@pytest.mark.parametrize("wanted, told", SENSELESS)
def test_a_script_that_makes_no_sense_is_told_where(wanted: object, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told.split(chr(40))[0]}"):
        steps.read(wanted)


async def test_a_request_about_telephones_that_makes_no_sense_is_refused(
    sandbox: Sandbox, subtests: pytest.Subtests
) -> None:
    for path, body, status, code in (
        ("/calls/script", {"from": LENA, "steps": [{}]}, 422, "steps"),
        ("/calls/script", {"steps": []}, 422, "from"),
        ("/calls/script", {"from": LENA, "to": 5, "steps": []}, 422, "to"),
        ("/phones", {"number": MEI, "answers": "maybe"}, 422, "answers"),
        ("/phones", {"number": MEI, "answers": ["ring"]}, 422, "answers"),
        ("/phones", {"number": MEI, "after_ms": "soon"}, 422, "after_ms"),
        ("/phones", {"number": MEI, "steps": [{"press": 1}]}, 422, "steps"),
        ("/phones", {"answers": "ring"}, 422, "number"),
    ):
        with subtests.test(path=path, code=code):
            response = await sandbox.api.post("/sandbox" + path, json=body)
            assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    for path in ("/calls/CA0/hears", "/calls/script/CA0"):
        assert (await sandbox.api.get("/sandbox" + path)).status_code == 404
    standing = [phone["number"] for phone in (await sandbox.get("/phones"))["items"]]
    assert sorted(standing) == sorted(number for number, _ in DEMO_PHONES)
