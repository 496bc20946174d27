"""What a caller hears: flows' actions as TwiML, whatever words they carry, and never an error."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.contract import Answer, Context, Request, Response
from channels.twilio_voice import TwilioVoice, hold_music, open_channel, ssml, twiml
from channels.twilio_voice.channel import SPOKEN_TO
from channels.twilio_voice.documents import packed
from channels.twilio_voice.webhooks import EVENTS
from contact_center.domain.calls import (
    Await,
    CallAction,
    Collect,
    Dial,
    HangUp,
    Hold,
    Pause,
    Play,
    Prompt,
    Record,
    Say,
)
from tests.channels import twilio_signing
from tests.channels.conformance import NOW, fixtures_in
from tests.channels.twilio_voice.test_twilio_voice import TestTwilioVoice as Suite
from tests.channels.twiml_lint import lint

PUBLIC = "https://hub.example.com"
HOOKS = f"{PUBLIC}/webhooks/twilio_voice"
FIXTURES = {fixture.name: Suite().request(fixture.data) for fixture in fixtures_in(Suite.fixtures)}
EN, ZH = "en-US", "zh-CN"
NASTY = "</Say><Dial>+19005550100</Dial><Say> ]]> <!-- & \" ' \x00\x0b\ud800\ufffe 你好 😟"


def channel() -> TwilioVoice:
    return open_channel(Context("twilio_voice", PUBLIC, twilio_signing.SETTINGS, {}, b""))


def told(request: Request, *actions: CallAction, unknown: bool = False) -> str:
    """The document that answers ``request``, linted."""
    voice = channel()
    parsed = voice.parse(request, NOW)
    answers = [Answer("i", 1, "e", actions=actions, unknown=unknown) for _ in parsed.events]
    return body_of(voice.acknowledge(request, parsed, answers))


def body_of(response: Response) -> str:
    assert (response.status, response.media_type) == (200, "text/xml")
    assert lint(response.body) == []
    text = response.body.decode()
    declaration = '<?xml version="1.0" encoding="UTF-8"?>'
    assert text.startswith(declaration)
    return text.removeprefix(declaration)


def elements(document: str, name: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(document).iter(name))


def test_a_menu_is_gathered_with_its_prompts_and_its_position() -> None:
    asked = Collect(
        position="menu#1",
        prompts=(Say("For sales press 1.", EN), Pause(500), Say("中文服务请按 2。", ZH)),
        language=EN,
    )
    assert told(FIXTURES["call_arrives"], Say("Welcome.", EN), asked) == (
        "<Response>"
        '<Say voice="Polly.Joanna" language="en-US">Welcome.</Say>'
        '<Gather input="dtmf" action="https://hub.example.com/webhooks/twilio_voice/input?position=menu%231" '
        'method="POST" timeout="5" numDigits="1" finishOnKey="#" actionOnEmptyResult="true">'
        '<Say voice="Polly.Joanna" language="en-US">For sales press 1.</Say>'
        '<Pause length="1"/>'
        '<Say voice="Polly.Zhiyu" language="cmn-CN">中文服务请按 2。</Say>'
        "</Gather></Response>"
    )


def test_an_address_that_was_typed_in_with_the_wrong_method_works_all_the_same() -> None:
    posted = FIXTURES["call_arrives"]
    query = posted.body.decode()
    got = twilio_signing.sign(Request("GET", f"{posted.url}?{query}", "", query, {}, b""), twilio_signing.TOKEN)
    voice = channel()
    voice.verify(got)
    assert voice.parse(got, NOW).events == voice.parse(posted, NOW).events
    assert told(got, HangUp()) == "<Response><Hangup/></Response>"


def test_a_spoken_answer_is_listened_for_in_its_language() -> None:
    asked = Collect("p", (), ZH, max_digits=0, finish_on="", timeout_ms=3_001, speech=True, hints=("账单", "a,b"))
    [gather] = elements(told(FIXTURES["keys_pressed"], asked), "Gather")
    assert gather.attrib == {
        "input": "dtmf speech",
        "action": f"{PUBLIC}/webhooks/twilio_voice/input?position=p",
        "method": "POST",
        "timeout": "4",
        "finishOnKey": "",
        "actionOnEmptyResult": "true",
        "language": "cmn-Hans-CN",
        "speechTimeout": "auto",
        "hints": "账单, a b",
    }


def test_waiting_is_music_that_comes_back_by_itself() -> None:
    hold = Hold("queue.3", (Say("请稍候。", ZH),), ZH, keys="1*", ms=30_000)
    assert told(FIXTURES["keys_pressed"], hold) == (
        '<Response><Gather input="dtmf" '
        'action="https://hub.example.com/webhooks/twilio_voice/input?position=queue.3&amp;wait=1&amp;keys=1%2A" '
        'method="POST" timeout="1" numDigits="1" finishOnKey="" actionOnEmptyResult="true">'
        '<Say voice="Polly.Zhiyu" language="cmn-CN">请稍候。</Say>'
        '<Play loop="2">https://hub.example.com/media/hold.wav</Play></Gather></Response>'
    )


@pytest.mark.parametrize(("ms", "times"), [(0, 1), (1, 1), (16_000, 1), (16_001, 2), (60_000, 4), (10**9, 100)])
def test_the_music_lasts_about_as_long_as_the_wait(ms: int, times: int) -> None:
    document = told(FIXTURES["keys_pressed"], Hold("p", (), EN, ms=ms))
    assert [play.get("loop") for play in elements(document, "Play")] == [str(times)]
    assert hold_music.LENGTH_MS == 16_000


def test_whoever_waits_may_hear_other_music() -> None:
    def music(source: str) -> list[str | None]:
        return [e.text for e in elements(told(FIXTURES["keys_pressed"], Hold("p", (), EN, music=source)), "Play")]

    assert music("/media/jazz.mp3") == [f"{PUBLIC}/media/jazz.mp3"]
    assert music("https://cdn.example.com/a.mp3?b=1&c=2") == ["https://cdn.example.com/a.mp3?b=1&c=2"]
    assert music("file:///etc/passwd") == [f"{PUBLIC}/media/hold.wav"]


def test_a_key_that_the_wait_is_not_for_says_nothing() -> None:
    for name, digits in (("pressed_a_key_while_waiting", "1"), ("pressed_another_key_while_waiting", "")):
        [event] = channel().parse(FIXTURES[name], NOW).events
        assert event.body.digits == digits  # type: ignore[union-attr]


def test_a_recording_is_played_from_where_it_lies_and_from_nowhere_else() -> None:
    document = told(
        FIXTURES["call_arrives"],
        Play("/media/welcome.wav", times=2),
        Play("https://cdn.example.com/hello.mp3"),
        *(Play(bad) for bad in ("http://cdn.example.com/a", "/etc/passwd", "/media/../secret", "javascript:x", "")),
        *(Play(bad) for bad in ("https://a b", "https://a<b", "//media/x", "https://", "https://u:p@h/x")),
        HangUp(),
    )
    assert [(e.text, e.get("loop")) for e in elements(document, "Play")] == [
        (f"{PUBLIC}/media/welcome.wav", "2"),
        ("https://cdn.example.com/hello.mp3", "1"),
    ]


def test_what_is_looked_up_meanwhile_is_waited_for_in_silence() -> None:
    assert told(FIXTURES["keys_pressed"], Await("lookup.2", (Say("One moment.", EN),), 1_500)) == (
        '<Response><Say voice="Polly.Joanna" language="en-US">One moment.</Say><Pause length="2"/>'
        '<Redirect method="POST">https://hub.example.com/webhooks/twilio_voice/input?position=lookup.2</Redirect>'
        "</Response>"
    )


def test_a_voicemail_is_recorded_and_silence_leads_on() -> None:
    document = told(
        FIXTURES["keys_pressed"],
        Record("vm.1", (Say("Speak after the beep.", EN),), EN, longest_ms=90_000, transcribe=True),
    )
    say, record, redirect = ElementTree.fromstring(document)
    assert say.text == "Speak after the beep."
    assert record.attrib == {
        "action": f"{HOOKS}/recorded?position=vm.1",
        "method": "POST",
        "timeout": "5",
        "finishOnKey": "#",
        "maxLength": "90",
        "playBeep": "true",
        "trim": "trim-silence",
        "recordingStatusCallback": f"{HOOKS}/recording?purpose=voicemail#rc=2&rp=all",
        "recordingStatusCallbackMethod": "POST",
        "recordingStatusCallbackEvent": "completed absent",
        "transcribe": "true",
        "transcribeCallback": f"{HOOKS}/voicemail-text#rc=2&rp=all",
    }
    assert redirect.text == record.attrib["action"]


def test_a_number_is_rung_for_so_long_and_talked_to_for_so_long() -> None:
    action = Dial("desk.1", "+14155550177", "+14155550199", (Say("Hold on.", EN),), EN, 25_000, 600_000)
    [dial] = elements(told(FIXTURES["keys_pressed"], action), "Dial")
    assert dial.attrib == {
        "action": f"{HOOKS}/dialled?position=desk.1",
        "method": "POST",
        "timeout": "25",
        "timeLimit": "600",
        "callerId": "+14155550199",
    }
    assert [(e.tag, e.text) for e in dial] == [("Number", "+14155550177")]


@pytest.mark.parametrize(
    "number", ["", "0019005550100", "*67+14155550100", "+1415555٣100", "+14155550100;ext=1", "sip:a@b", "+0123456789"]
)
def test_what_is_no_number_is_never_rung_and_counts_as_failed(number: str) -> None:
    document = told(FIXTURES["keys_pressed"], Dial("desk.1", number, "+14155550199"))
    assert elements(document, "Dial") == []
    [redirect] = elements(document, "Redirect")
    assert redirect.text == f"{HOOKS}/dialled?position=desk.1"
    request = FIXTURES["keys_pressed"]
    back = Request("POST", redirect.text, "/dialled", "position=desk.1", {}, request.body)
    [event] = channel().parse(back, NOW).events
    assert event.body.outcome == "failed"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("finish_on", "gathered", "recorded"),
    [("#", "#", "#"), ("", "", ""), ("*#", "*", "*#"), ("x", "#", "#"), ("1234567890*#", "1", "1234567890*#")],
)
def test_the_keys_that_end_something_are_keys(finish_on: str, gathered: str, recorded: str) -> None:
    [gather] = elements(told(FIXTURES["keys_pressed"], Collect("p", (), EN, finish_on=finish_on)), "Gather")
    [record] = elements(told(FIXTURES["keys_pressed"], Record("p", (), EN, finish_on=finish_on)), "Record")
    assert (gather.get("finishOnKey"), record.get("finishOnKey")) == (gathered, recorded)


def test_a_prompt_that_must_be_heard_to_its_end_is() -> None:
    [gather] = elements(told(FIXTURES["keys_pressed"], Collect("p", (), EN, barge_in=False)), "Gather")
    assert gather.get("bargeIn") == "false"


def test_what_is_said_in_confidence_comes_back_marked_and_is_kept_nowhere() -> None:
    [gather] = elements(told(FIXTURES["keys_pressed"], Collect("pin.1", (), EN, secret=True)), "Gather")
    assert gather.get("action") == f"{HOOKS}/input?position=pin.1&secret=1"
    request = FIXTURES["secret_keys"]
    parsed = channel().parse(request, NOW)
    assert (parsed.events[0].body.digits, parsed.events[0].body.secret) == ("4711", True)  # type: ignore[union-attr]
    assert b"CallSid=" in parsed.raw
    assert b"4711" in request.body
    assert b"4711" not in parsed.raw
    assert b"four" not in parsed.raw
    assert b"4711" not in channel().apologise(request).body


# --- speech that is marked up ----------------------------------------------------------------------------


def test_marked_up_speech_is_spoken_as_marked() -> None:
    fragment = (
        'Your code is <say-as interpret-as="digits">42</say-as>.<break time="300ms"/> '
        '<lang xml:lang="zh-CN">你好</lang> &amp; bye'
    )
    document = told(FIXTURES["call_arrives"], Say(fragment, EN, "Polly.Matthew", ssml=True), HangUp())
    assert f'<Say voice="Polly.Matthew" language="en-US">{fragment}</Say>' in document


@pytest.mark.parametrize(
    "fragment",
    [
        "Hello <audio src='https://x'/> there",
        "Hello <say-as onclick='x'>there</say-as>",
        "Hello <break>there</break><p><p>x</p></p>",
        "Hello </Say><Dial>+19005550100</Dial><Say> there",
        "Hello <break there",
        "Hello <!-- x --> there",
        "<!DOCTYPE x [<!ENTITY e 'there'>]> Hello &e;",
        "Hello there <s>" + "<emphasis>" * 30 + "x" + "</emphasis>" * 30 + "</s>",
        "Hello there " + "x" * 4_000,
    ],
)
def test_markup_that_twilio_would_not_take_is_said_as_plain_words(fragment: str) -> None:
    document = told(FIXTURES["call_arrives"], Say(fragment, EN, ssml=True), HangUp())
    assert {e.tag for e in elements(document, "*")} == {"Response", "Say", "Hangup"}
    assert "Hello" in "".join(e.text or "" for e in elements(document, "Say"))


def test_the_markup_that_is_allowed_is_twilios() -> None:
    """Held against the official builders: each element with the elements and attributes that they know."""
    from twilio.twiml import voice_response

    for name, attributes in ssml.ATTRIBUTES.items():
        for place, inside in ssml.NESTING.items():
            builder = "Say" if not place else "Ssml" + "".join(part.title() for part in place.split("-"))
            method = name.replace("-", "_").replace("break", "break_")
            assert hasattr(getattr(voice_response, builder), method) == (name in inside), (place, name)
        document = b"<Response><Say><%s %s/></Say></Response>" % (
            name.encode(),
            " ".join(f'{each}="x"' for each in attributes).encode(),
        )
        assert lint(document) == []


@given(st.text(alphabet="<>&;/ \"'abspw=!-?[]", max_size=60) | st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_whatever_claims_to_be_markup_gives_a_document(fragment: str) -> None:
    document = told(FIXTURES["call_arrives"], Say(fragment, EN, ssml=True), HangUp())
    assert {e.tag for e in elements(document, "*")} <= {"Response", "Say", "Hangup", *ssml.ATTRIBUTES}


@pytest.mark.parametrize("voice", ["", "a b", '"><Dial>', "x" * 100])
def test_a_voice_that_is_none_is_the_languages_own(voice: str) -> None:
    document = told(FIXTURES["call_arrives"], Say("Hi.", EN, voice), HangUp())
    assert [e.get("voice") for e in elements(document, "Say")] == ["Polly.Joanna"]


def test_a_call_ends_with_its_last_words() -> None:
    assert told(FIXTURES["keys_pressed"], HangUp((Say("Good bye.", EN),))) == (
        '<Response><Say voice="Polly.Joanna" language="en-US">Good bye.</Say><Hangup/></Response>'
    )


def test_a_caller_whom_nobody_can_answer_is_told_so_in_both_languages() -> None:
    document = told(FIXTURES["call_arrives"])
    assert [say.attrib["language"] for say in elements(document, "Say")] == ["en-US", "cmn-CN"]
    assert document.endswith("<Hangup/></Response>")


def test_an_answer_that_leads_nowhere_leads_back_to_where_the_call_came_in() -> None:
    assert told(FIXTURES["keys_pressed"]) == (
        '<Response><Pause length="1"/>'
        '<Redirect method="POST">https://hub.example.com/webhooks/twilio_voice</Redirect></Response>'
    )


def test_in_a_room_the_music_goes_round_by_itself() -> None:
    document = told(FIXTURES["music_in_the_room"])
    assert [(e.text, e.get("loop")) for e in elements(document, "Play")] == [(f"{PUBLIC}/media/hold.wav", "4")]
    assert [e.text for e in elements(document, "Redirect")] == [f"{HOOKS}/hold"]


def test_a_caller_whom_the_room_lost_is_not_cut_off() -> None:
    left = with_field(FIXTURES["hung_up_in_the_room"], b"CallStatus=completed", b"CallStatus=in-progress")
    document = told(with_field(left, b"DialCallStatus=answered", b"DialCallStatus=failed"))
    assert [e.text for e in elements(document, "Redirect")] == [f"{PUBLIC}/webhooks/twilio_voice"]


def test_a_customer_whom_we_rang_and_the_room_lost_comes_back_into_it() -> None:
    query = "room=call-01k9zq0v7m3s8h2d4f6g8j0kqa"
    body = FIXTURES["customer_whom_we_rang_answers"].body
    document = told(Request("POST", f"{HOOKS}/left?{query}", "/left", query, {}, body))
    [redirect] = elements(document, "Redirect")
    assert redirect.text == f"{HOOKS}/customer?interaction=01k9zq0v7m3s8h2d4f6g8j0kqa"


def test_a_call_that_is_over_is_told_nothing_more() -> None:
    for name in ("hung_up_in_the_room", "hung_up_after_the_beep", "hung_up_while_it_rang"):
        assert told(FIXTURES[name]) == "<Response><Hangup/></Response>"


def test_a_call_that_we_placed_never_comes_in_as_one_that_arrives() -> None:
    request = FIXTURES["customer_whom_we_rang_answers"]
    survey = Request("POST", f"{HOOKS}/input?position=p", "/input", "position=p", {}, request.body)
    assert told(survey) == "<Response><Hangup/></Response>"


def test_the_customer_whom_we_rang_comes_into_the_interactions_room() -> None:
    start, dial = ElementTree.fromstring(told(FIXTURES["customer_whom_we_rang_answers"]))
    assert start[0].get("languageCode") == "cmn-Hans-CN"
    assert dial.get("action") == f"{HOOKS}/left?room=call-01k9zq0v7m3s8h2d4f6g8j0kqa"
    [room] = dial
    assert room.text == "call-01k9zq0v7m3s8h2d4f6g8j0kqa"
    assert (room.get("participantLabel"), room.get("endConferenceOnExit")) == ("customer", "true")
    assert parse_qs(urlsplit(room.get("statusCallback", "")).query) == {
        "call": ["CA1f0e8ae6ade43cb3c0ce4525424e404f"],
        "interaction": ["01k9zq0v7m3s8h2d4f6g8j0kqa"],
    }


def test_a_customer_whom_nobody_wants_any_more_is_let_go() -> None:
    request = FIXTURES["customer_whom_we_rang_answers"]
    assert told(request, unknown=True) == "<Response><Hangup/></Response>"
    assert told(request, HangUp()) == "<Response><Hangup/></Response>"


def party(**asked: str) -> ElementTree.Element:
    """The seat of a party whose address says ``asked`` beside the usual."""
    usual = {"party": "p-7", "room": "call-i1", "call": "CA1f0e8ae6ade43cb3c0ce4525424e404f"}
    url = channel().url("/agent", **(usual | asked))
    request = Request("POST", url, "/agent", urlsplit(url).query, {}, FIXTURES["party_answers"].body)
    [dial] = elements(told(request), "Dial")
    return dial[0]


def test_a_party_takes_part_as_its_mode_says() -> None:
    leg = "CA2a0e8ae6ade43cb3c0ce4525424e404f"
    seen = {
        mode: [party(mode=mode, coach=leg).get(name) for name in ("muted", "coach", "startConferenceOnEnter")]
        for mode in ("talk", "barge", "listen", "whisper")
    }
    assert seen == {
        "talk": [None, None, "true"],
        "barge": [None, None, "true"],
        "listen": ["true", None, "false"],
        "whisper": [None, leg, "false"],
    }
    assert party(mode="talk").get("participantLabel") == "party-p-7"
    assert party(mode="talk").get("endConferenceOnExit") == "false"


def test_what_is_whispered_is_heard_before_the_room() -> None:
    url = channel().url(
        "/agent", party="p-7", room="call-i1", call="CA1", text=packed("来自王女士的来电"), language=ZH, limit="60"
    )
    request = Request("POST", url, "/agent", urlsplit(url).query, {}, FIXTURES["party_answers"].body)
    say, dial = ElementTree.fromstring(told(request))
    assert (say.text, say.get("language")) == ("来自王女士的来电", "cmn-CN")
    assert dial.get("timeLimit") == "60"


def test_tones_are_played_and_nothing_else() -> None:
    assert told(FIXTURES["tones"]) == '<Response><Play digits="12#"/></Response>'
    for digits in ("", "12;", "hello", "1" * 33):
        url = channel().url("/keys", digits=digits)
        assert told(Request("POST", url, "/keys", urlsplit(url).query, {}, b"")) == "<Response/>"


def test_the_agent_opens_the_room_and_may_leave_it_without_closing_it() -> None:
    [dial] = elements(told(FIXTURES["agent_answers"]), "Dial")
    [room] = dial
    assert (dial.get("action"), dial.get("timeLimit")) == (None, "14400")
    assert room.text == "call-01k9zq0v7m3s8h2d4f6g8j0kqa"
    assert room.attrib == {
        "participantLabel": "agent-01k9zq5c2m3s8h2d4f6g8j0kqb",
        "startConferenceOnEnter": "true",
        "endConferenceOnExit": "false",
        "beep": "false",
        "waitUrl": "",
        "waitMethod": "POST",
        "statusCallback": f"{PUBLIC}/webhooks/twilio_voice/conference"
        "?call=CA1f0e8ae6ade43cb3c0ce4525424e404f#rc=2&rp=all",
        "statusCallbackEvent": "join leave",
        "statusCallbackMethod": "POST",
    }


def test_an_agent_whom_nobody_waits_for_any_more_is_let_go() -> None:
    assert told(FIXTURES["agent_answers"], unknown=True) == "<Response><Hangup/></Response>"
    assert told(FIXTURES["agent_answers"], HangUp()) == "<Response><Hangup/></Response>"


def test_a_written_message_is_spoken() -> None:
    assert told(FIXTURES["announcement"]) == (
        '<Response><Say voice="Polly.Joanna" language="en-US">'
        "Your order &lt;1042&gt; ships today &amp; tomorrow.</Say></Response>"
    )


@given(st.text(max_size=500), st.sampled_from([EN, ZH]))
@settings(max_examples=100, deadline=None)
def test_every_written_message_survives_its_address(text: str, language: str) -> None:
    said = text.encode("utf-8", "ignore").decode()
    url = channel().url("/announce", text=packed(said), language=language)
    request = Request("POST", url, "/announce", urlsplit(url).query, {}, b"")
    document = told(request)
    assert "".join(e.text or "" for e in elements(document, "Say")) == readable(said)


@pytest.mark.parametrize("text", ["%FF", "A", "!!!!", "____", "é"])
def test_an_address_with_a_spoilt_message_says_nothing(text: str) -> None:
    request = Request("POST", "", "/announce", f"text={text}&language=en-US", {}, b"")
    assert elements(told(request), "Dial") == []


@pytest.mark.parametrize("name", sorted(FIXTURES))
def test_nobody_ever_hears_an_error(name: str) -> None:
    request = FIXTURES[name]
    sorry = channel().apologise(request)
    if request.path not in SPOKEN_TO:
        assert sorry.status == 503
        return
    document = body_of(sorry)
    assert [say.attrib["language"] for say in elements(document, "Say")] == ["en-US", "cmn-CN"]
    assert [pause.get("length") for pause in elements(document, "Pause")] == ["5"]
    [redirect] = elements(document, "Redirect")
    assert (redirect.text or "").startswith(request.url)


@pytest.mark.parametrize(
    "name", [name for name, request in FIXTURES.items() if request.path in ("/input", "/recorded", "/dialled")]
)
def test_what_a_caller_did_while_nobody_could_listen_is_not_lost(name: str) -> None:
    """The redirect comes without the fields of the form; the address carries them."""
    request, voice = FIXTURES[name], channel()
    [redirect] = elements(body_of(voice.apologise(request)), "Redirect")
    url = redirect.text or ""
    bare = [pair for pair in request.body.split(b"&") if pair.split(b"=")[0] in BASIC]
    again = Request("POST", url, request.path, urlsplit(url).query, {}, b"&".join(bare))
    if "position=" not in request.url:
        return
    if "secret=1" in request.url:
        assert voice.parse(again, NOW).events[0].body.digits == ""  # type: ignore[union-attr]
    else:
        assert voice.parse(again, NOW).events == voice.parse(request, NOW).events
    assert body_of(voice.apologise(again)).count("Digits=") <= 1


BASIC = (b"CallSid", b"CallStatus", b"Direction", b"From", b"To")


def test_every_address_has_a_fixture_and_every_document_is_linted() -> None:
    """``told`` lints; here is that no address was forgotten."""
    assert {request.path for request in FIXTURES.values()} >= set(EVENTS)
    for name, request in FIXTURES.items():
        if request.path in SPOKEN_TO and name not in REFUSED:
            assert told(request, Say("Good day.", EN), HangUp())
            assert told(request)


def test_in_a_room_nothing_is_asked_that_a_room_cannot_do() -> None:
    """Music, announcements and tones may speak, play, wait and go on, and nothing else (error 13238)."""
    for path in ("/hold", "/announce", "/keys"):
        request = next(each for each in FIXTURES.values() if each.path == path)
        for document in (told(request), body_of(channel().apologise(request))):
            assert {e.tag for e in ElementTree.fromstring(document)} <= {"Say", "Play", "Pause", "Redirect"}


REFUSED = {f.name for f in fixtures_in(Suite.fixtures) if "refused" in f.expected}


# --- whatever words they carry ---------------------------------------------------------------------------

anything = st.one_of(st.text(max_size=80), st.just(NASTY), st.text(alphabet="</>&\"'\x00\ud800Dial\n", max_size=40))
languages = st.one_of(st.sampled_from([EN, ZH, "en", "zh-TW", "fr-FR", "", "x" * 300]), anything)
says = st.builds(Say, text=anything, language=languages)
plays = st.builds(
    Play,
    source=st.one_of(anything, st.just("/media/a.wav"), st.just("https://x.example.com/a?b&c")),
    times=st.integers(-5, 10**6),
)
pauses = st.builds(Pause, ms=st.integers(-5, 100_000))
prompts = st.lists(st.one_of(says, plays, pauses), max_size=4).map(tuple)
spans = st.integers(-5, 10**8)
collects = st.builds(
    Collect, position=anything, prompts=prompts, language=languages, max_digits=st.integers(0, 50),
    finish_on=st.one_of(st.sampled_from(["#", "*", ""]), anything), timeout_ms=spans, speech=st.booleans(),
    hints=st.lists(anything, max_size=3).map(tuple), barge_in=st.booleans(), secret=st.booleans(),
)  # fmt: skip
holds = st.builds(
    Hold, position=anything, prompts=prompts, language=languages, music=anything, keys=anything, ms=spans
)
awaits = st.builds(Await, position=anything, prompts=prompts, ms=st.integers(-5, 100_000))
records = st.builds(
    Record, position=anything, prompts=prompts, language=languages, longest_ms=spans, silence_ms=spans,
    finish_on=anything, beep=st.booleans(), transcribe=st.booleans(),
)  # fmt: skip
dials = st.builds(
    Dial, position=anything, number=st.one_of(anything, st.just("+14155550177")),
    caller_id=st.one_of(anything, st.just("+14155550199")), prompts=prompts, language=languages,
    timeout_ms=spans, longest_ms=spans,
)  # fmt: skip
lasts = st.one_of(collects, holds, awaits, records, dials, st.builds(HangUp, prompts=prompts))
sequences = st.tuples(prompts, lasts).map(lambda both: (*both[0], both[1]))


def readable(text: str) -> str:
    """What of ``text`` XML can carry, as an XML reader gives it back."""
    kept = "".join(
        c for c in text if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff" and not "\ud800" <= c <= "\udfff")
    )
    return kept.strip().replace("\r\n", "\n").replace("\r", "\n")


def with_field(request: Request, old: bytes, new: bytes) -> Request:
    assert old in request.body
    body = request.body.replace(old, new)
    return Request(request.method, request.url, request.path, request.query, request.headers, body)


@given(sequences)
@settings(max_examples=300, deadline=None)
def test_no_words_ever_become_verbs(actions: tuple[CallAction, ...]) -> None:
    document = told(FIXTURES["call_arrives"], *actions)
    spoken: list[Prompt] = []
    for action in actions:
        spoken += [action] if isinstance(action, (Say, Play, Pause)) else action.prompts
    said = [readable(p.text) for p in spoken if isinstance(p, Say)]
    assert [e.text for e in elements(document, "Say")] == [text for text in said if text]
    waits = sum(isinstance(action, Await) and action.ms > 0 for action in actions)
    paused = sum(isinstance(p, Pause) and p.ms > 0 for p in spoken)
    assert len(elements(document, "Pause")) == paused + waits
    rung = [e.text for e in elements(document, "Number")]
    assert rung == [a.number for a in actions if isinstance(a, Dial) and a.number == "+14155550177"]
    assert not {e.tag for e in elements(document, "*")} - {
        "Response", "Say", "Play", "Pause", "Gather", "Record", "Dial", "Number", "Redirect", "Hangup"
    }  # fmt: skip


@given(st.text(min_size=1, max_size=100).filter(lambda t: t.isprintable()))
@settings(max_examples=100, deadline=None)
def test_every_position_comes_back_as_it_was(position: str) -> None:
    document = told(FIXTURES["call_arrives"], Collect(position, (), EN))
    [gather] = elements(document, "Gather")
    url = gather.attrib["action"]
    assert parse_qs(urlsplit(url).query) == {"position": [position]}
    request = FIXTURES["keys_pressed"]
    answer = Request("POST", url, "/input", urlsplit(url).query, request.headers, request.body)
    [event] = channel().parse(answer, NOW).events
    assert event.body.position == position  # type: ignore[union-attr]


def test_a_long_text_is_spoken_in_several_pieces_and_whole() -> None:
    for sentence, language in (("This is a sentence. ", EN), ("这是一句话。", ZH), ("x" * 50, EN)):
        text = (sentence * 2_000)[:10_000]
        said = elements(told(FIXTURES["call_arrives"], Say(text, language)), "Say")
        assert len(said) >= 4
        assert all(len(e.text or "") <= 4_096 for e in said)
        assert "".join((e.text or "").replace(" ", "") for e in said) == text.replace(" ", "")


def test_the_lint_would_notice() -> None:
    """A lint that finds nothing must be able to find something."""
    wrong = {
        b"<Response><Say>": "not well-formed",
        b"<Html/>": "the root is <Html>",
        b"<Response><Dail/></Response>": "<Dail> cannot stand in <Response>",
        b"<Response><Gather><Dial/></Gather></Response>": "<Dial> cannot stand in <Gather>",
        b'<Response><Say loud="1">x</Say></Response>': "<Say> has no attribute loud",
        b'<Response><Gather action="/input"/></Response>': "no absolute address",
        b"<Response><Say><audio/></Say></Response>": "<audio> cannot stand in <Say>",
        b"<Response><Say><break/><p><p/></p></Say></Response>": "<p> cannot stand in <p>",
        b"<Response><Hangup/><Say>x</Say></Response>": "ever heard",
        b'<Response><Dial timeLimit="0"/></Response>': "timeLimit cannot be",
        b"<Response><Dial><Number>sip:a</Number></Dial></Response>": "cannot hold",
        b"<Response><Play>/media/x.wav</Play></Response>": "no absolute address",
    }
    for document, problem in wrong.items():
        assert problem in " ".join(lint(document))


# --- music -----------------------------------------------------------------------------------------------


def test_the_music_is_the_one_that_the_program_makes() -> None:
    shipped = channel().public_files()["/media/hold.wav"]
    made = hold_music.wav()
    assert shipped.media_type == "audio/wav"
    assert len(shipped.body) == len(made)
    # One step of rounding is the difference between two machines' sines.
    assert all(abs(a - b) <= 1 or {a, b} == {127, 255} for a, b in zip(shipped.body, made, strict=True))


def test_the_music_is_heard_and_never_clips() -> None:
    loudest = max(abs(sample) for sample in hold_music.samples())
    assert 0.2 < loudest < 0.99
    assert (Path(hold_music.__file__).parent / "hold.wav").stat().st_size < 150_000


def test_the_tongues_name_a_voice_of_their_own_language() -> None:
    for row in twiml.TONGUES.values():
        assert row.voice.startswith("Polly.")
        assert row.speak.split("-")[0] == row.listen.split("-")[0]
