"""What a caller hears: flows' actions as TwiML, whatever words they carry, and never an error."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.contract import Answer, Context, Request, Response
from channels.twilio_voice import TwilioVoice, hold_music, open_channel, twiml
from channels.twilio_voice.channel import COMFORT, packed
from contact_center.domain.calls import CallAction, Collect, HangUp, Hold, Pause, Say
from tests.channels import twilio_signing
from tests.channels.conformance import NOW, fixtures_in
from tests.channels.twilio_voice.test_twilio_voice import TestTwilioVoice as Suite
from tests.channels.twiml_lint import lint

PUBLIC = "https://hub.example.com"
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


def test_waiting_is_a_queue_with_music_in_the_callers_language() -> None:
    assert told(FIXTURES["keys_pressed"], Hold((Say("请稍候。", ZH),), ZH)) == (
        '<Response><Say voice="Polly.Zhiyu" language="cmn-CN">请稍候。</Say>'
        '<Enqueue waitUrl="https://hub.example.com/webhooks/twilio_voice/hold?language=zh-CN" '
        'waitUrlMethod="POST" action="https://hub.example.com/webhooks/twilio_voice/left" '
        'method="POST">contact-center</Enqueue></Response>'
    )


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


def test_music_first_and_a_word_of_comfort_each_time_round() -> None:
    waiting = FIXTURES["waiting_music"]
    document = told(waiting)
    assert [say.text for say in elements(document, "Say")] == [COMFORT["zh"]]
    assert [play.text for play in elements(document, "Play")] == [f"{PUBLIC}/media/hold.wav"]
    just_now = with_field(waiting, b"QueueTime=34", b"QueueTime=0")
    assert elements(told(just_now), "Say") == []


@pytest.mark.parametrize(
    ("language", "spoken"), [("fr-FR", "en-US"), ("zh-TW", "cmn-CN"), ("", "en-US"), ("<", "en-US")]
)
def test_whoever_waits_is_comforted_in_a_language_that_there_is(language: str, spoken: str) -> None:
    request = FIXTURES["waiting_music"]
    asked = Request("POST", request.url, "/hold", f"language={language}", request.headers, request.body)
    [say] = elements(told(asked), "Say")
    assert say.attrib["language"] == spoken


def test_in_a_room_the_music_goes_round_by_itself() -> None:
    request = FIXTURES["waiting_music"]
    query = "language=zh-CN&in=room"
    url = f"{PUBLIC}/webhooks/twilio_voice/hold?{query}"
    document = told(Request("POST", url, "/hold", query, request.headers, b"ConferenceSid=CF1"))
    assert [element.text for element in elements(document, "Redirect")] == [url]
    assert elements(document, "Say") == []


def test_a_caller_whom_the_queue_lost_comes_in_again() -> None:
    document = told(FIXTURES["queue_was_full"])
    assert len(elements(document, "Say")) == 2
    assert [e.text for e in elements(document, "Redirect")] == [f"{PUBLIC}/webhooks/twilio_voice"]


def test_a_caller_whom_the_room_lost_is_not_cut_off() -> None:
    left = with_field(FIXTURES["hung_up_in_the_room"], b"CallStatus=completed", b"CallStatus=in-progress")
    document = told(with_field(left, b"DialCallStatus=answered", b"DialCallStatus=failed"))
    assert [e.text for e in elements(document, "Redirect")] == [f"{PUBLIC}/webhooks/twilio_voice"]


@pytest.mark.parametrize("name", ["hung_up_while_waiting", "hung_up_in_the_room", "gone_before_the_queue"])
def test_a_call_that_is_over_is_told_nothing_more(name: str) -> None:
    assert told(FIXTURES[name]) == "<Response><Hangup/></Response>"


def test_a_call_that_was_taken_out_of_the_queue_has_its_other_words() -> None:
    assert told(FIXTURES["taken_out_of_the_queue"]) == "<Response/>"


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
    machine = request.path in ("/status", "/agent-status", "/conference", "/transcript", "/elsewhere")
    if machine:
        assert sorry.status == 503
        return
    document = body_of(sorry)
    assert [say.attrib["language"] for say in elements(document, "Say")] == ["en-US", "cmn-CN"]
    assert [pause.get("length") for pause in elements(document, "Pause")] == ["5"]
    assert [e.text for e in elements(document, "Redirect")] == [request.url]


# --- whatever words they carry ---------------------------------------------------------------------------

anything = st.one_of(st.text(max_size=80), st.just(NASTY), st.text(alphabet="</>&\"'\x00\ud800Dial\n", max_size=40))
languages = st.one_of(st.sampled_from([EN, ZH, "en", "zh-TW", "fr-FR", "", "x" * 300]), anything)
says = st.builds(Say, text=anything, language=languages)
prompts = st.lists(st.one_of(says, st.builds(Pause, ms=st.integers(-5, 100_000))), max_size=4).map(tuple)
collects = st.builds(
    Collect, position=anything, prompts=prompts, language=languages, max_digits=st.integers(0, 50),
    finish_on=st.sampled_from(["#", "*", ""]), timeout_ms=st.integers(0, 60_000), speech=st.booleans(),
    hints=st.lists(anything, max_size=3).map(tuple),
)  # fmt: skip
lasts = st.one_of(collects, st.builds(Hold, prompts=prompts, language=languages), st.builds(HangUp, prompts=prompts))
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
    spoken = [
        prompt for action in actions for prompt in ([action] if isinstance(action, (Say, Pause)) else action.prompts)
    ]
    said = [readable(p.text) for p in spoken if isinstance(p, Say)]
    assert [e.text for e in elements(document, "Say")] == [text for text in said if text]
    assert len(elements(document, "Pause")) == sum(isinstance(p, Pause) and p.ms > 0 for p in spoken)
    assert not {e.tag for e in elements(document, "*")} - {
        "Response", "Say", "Pause", "Gather", "Enqueue", "Hangup"
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
