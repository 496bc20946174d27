"""What a telephone hears of a document, and what it asks for next."""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contact_center.sandbox import twiml
from contact_center.sandbox.twiml import (
    Ask,
    Begin,
    Carry,
    Do,
    Done,
    End,
    Happening,
    Hear,
    Keys,
    LeaveQueue,
    Listen,
    Position,
    Returned,
    Say,
    Silence,
    Step,
    Words,
    read,
    step,
)

URL = "http://hub.test/webhooks/voice"


def walk(document: str, *happenings: Happening) -> list[Step]:
    """Each step, from the beginning, as ``happenings`` come one after the other."""
    position = Position(read(document, URL))
    steps = []
    for happened in (Begin(), *happenings):
        position, taken = step(position, happened)
        steps.append(taken)
    return steps


MENU = (
    '<Response><Gather numDigits="1" action="/in?at=menu"><Say>One</Say><Say>Two</Say></Gather>'
    "<Say>Nothing came.</Say></Response>"
)


def test_a_key_interrupts_the_prompt_and_is_sent_to_the_action() -> None:
    heard, asked = walk(MENU, Keys("2"))
    assert isinstance(heard, Hear)
    assert heard.prompt == Say("One")
    assert asked == Ask("http://hub.test/in?at=menu", "POST", {"Digits": "2", "msg": "Gather End"})


def test_prompts_are_heard_in_order_and_silence_goes_on_with_what_stands_after_the_gather() -> None:
    steps = walk(MENU, Done(), Done(), Silence(), Done())
    assert [type(one) for one in steps] == [Hear, Hear, Listen, Hear, End]
    assert isinstance(steps[3], Hear)
    assert steps[3].prompt == Say("Nothing came.")
    assert steps[4] == End("finished")


def test_silence_is_told_to_the_action_where_it_asks_for_that() -> None:
    document = '<Response><Gather input="dtmf speech" actionOnEmptyResult="true" action="/in"/></Response>'
    assert walk(document, Silence())[-1] == Ask(
        "http://hub.test/in", "POST", {"Digits": "", "SpeechResult": "", "msg": "Gather End"}
    )


def test_digits_are_collected_until_the_finishing_key() -> None:
    document = '<Response><Gather action="/in"/></Response>'
    steps = walk(document, Keys("4"), Keys("8#"))
    assert steps[1] == Listen(read(document, URL)[0], "4", 5.0)  # type: ignore[arg-type]
    assert steps[2] == Ask("http://hub.test/in", "POST", {"Digits": "48", "FinishedOnKey": "#", "msg": "Gather End"})


def test_digits_are_sent_when_no_more_come_in_time() -> None:
    assert walk('<Response><Gather action="/in"/></Response>', Keys("48"), Silence())[-1] == Ask(
        "http://hub.test/in", "POST", {"Digits": "48", "msg": "Gather End"}
    )


def test_the_finishing_key_alone_is_no_answer() -> None:
    assert walk('<Response><Gather action="/in"/><Hangup/></Response>', Keys("#"))[-1] == End("hangup")


def test_words_are_sent_with_their_confidence() -> None:
    document = '<Response><Gather input="speech" action="/in" language="de-DE"/></Response>'
    asked = walk(document, Words("Guten Tag", 0.5))[-1]
    assert isinstance(asked, Ask)
    assert asked.facts["SpeechResult"] == "Guten Tag"
    assert asked.facts["Confidence"] == "0.50000000"
    assert asked.facts["Language"] == "de-DE"


@pytest.mark.parametrize(
    "document, happened",
    [
        ('<Response><Gather input="speech" action="/in"/></Response>', Keys("1")),
        ('<Response><Gather input="dtmf" action="/in"/></Response>', Words("one")),
        ("<Response><Say>Hello</Say></Response>", Keys("1")),
        ("<Response><Enqueue>q</Enqueue></Response>", Silence()),
        ("<Response/>", Returned()),
    ],
)
def test_what_nobody_listens_to_changes_nothing(document: str, happened: Happening) -> None:
    position, _ = step(Position(read(document, URL)), Begin())
    assert step(position, happened) == (position, Carry())


@pytest.mark.parametrize(
    "document, expected",
    [
        ("<Response/>", End("finished")),
        ("", End("finished")),
        ("<Response><Hangup/></Response>", End("hangup")),
        ("<Response><Reject/></Response>", End("rejected")),
        ('<Response><Reject reason="busy"/></Response>', End("busy")),
        ("<Response><Leave/></Response>", LeaveQueue()),
        ("<Response><Redirect>next</Redirect></Response>", Ask("http://hub.test/webhooks/next", "POST")),
        ('<Response><Redirect method="GET">/n</Redirect></Response>', Ask("http://hub.test/n", "GET")),
        ("<Response><Dance/><Hangup/></Response>", End("hangup")),
        ("<Response><Say></Say><Hangup/></Response>", End("hangup")),
    ],
)
def test_the_first_step_of_a_document(document: str, expected: Step) -> None:
    assert walk(document) == [expected]


def test_a_conference_is_read_with_everything_that_it_is_told() -> None:
    document = (
        '<Response><Dial action="/left" timeLimit="60"><Conference participantLabel="agent"'
        ' startConferenceOnEnter="false" endConferenceOnExit="true" waitUrl="" statusCallback="/conf"'
        ' statusCallbackEvent="join leave">room</Conference></Dial></Response>'
    )
    [doing] = walk(document)
    assert isinstance(doing, Do)
    assert isinstance(doing.verb, twiml.Dial)
    assert doing.verb.time_limit == 60
    assert doing.verb.target == twiml.Conference(
        "room",
        "agent",
        start_on_enter=False,
        end_on_exit=True,
        wait_url="",
        callback="http://hub.test/conf",
        events=frozenset({"join", "leave"}),
    )


def test_a_queue_goes_on_with_its_action_or_with_the_next_verb() -> None:
    with_action = '<Response><Enqueue action="/left">q</Enqueue></Response>'
    assert walk(with_action, Returned({"QueueResult": "leave"}))[-1] == Ask(
        "http://hub.test/left", "POST", {"QueueResult": "leave"}
    )
    without = "<Response><Enqueue>q</Enqueue><Hangup/></Response>"
    assert walk(without, Returned({"QueueResult": "leave"}))[-1] == End("hangup")


@pytest.mark.parametrize(
    "document, code",
    [
        ("not xml", 12100),
        ("<Response>", 12100),
        ("<html/>", 12102),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Response><Say>&a;</Say></Response>', 12100),
        ("<Response>" + "x" * 70_000 + "</Response>", 11750),
        ("<Response>\x00</Response>", 12100),
    ],
)
def test_what_is_no_twiml_is_refused_with_the_carriers_number(document: str, code: int) -> None:
    with pytest.raises(twiml.Unreadable) as refused:
        read(document, URL)
    assert refused.value.code == code


def test_a_prompt_that_loops_for_ever_ends_some_time() -> None:
    assert len(read('<Response><Say loop="0">Hold</Say></Response>', URL)) == twiml.MAX_LOOPS
    many = "<Response>" + '<Say loop="50">Hold</Say>' * 100 + "</Response>"
    assert len(read(many, URL)) == twiml.MAX_VERBS


def test_chinese_takes_as_long_to_say_as_it_does() -> None:
    assert 1.5 < twiml.lasts(Say("您好，请按一。", "cmn-CN")) < 3
    assert 1.5 < twiml.lasts(Say("Welcome to our support line")) < 3


NAMES = [
    *("Say", "Play", "Pause", "Gather", "Redirect", "Hangup", "Reject", "Leave", "Enqueue", "Dial", "Conference"),
    *(
        "Number",
        "Client",
        "Sip",
        "Record",
        "Start",
        "Stop",
        "Transcription",
        "Recording",
        "Message",
        "Body",
        "Nonsense",
        "break",
        "sub",
    ),
]
ATTRIBUTES = [
    *("numDigits", "timeout", "action", "method", "finishOnKey", "input", "length", "loop", "url", "waitUrl"),
    *("reason", "actionOnEmptyResult", "maxLength", "statusCallback", "timeLimit", "digits", "language"),
]
VALUES = st.one_of(
    st.sampled_from(["", "-1", "1e999", "nan", "true", "http://[", "dtmf speech", "#", "0", "::", "/x?y=z", "GET"]),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), max_size=8),
)


def _element(name: str, attributes: dict[str, str], inside: str) -> str:
    told = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<{name}{told}>{inside}</{name}>"


ELEMENTS = st.recursive(
    st.sampled_from(["", "words", "1", "http://[::", "/next"]),
    lambda children: st.builds(
        _element,
        st.sampled_from(NAMES),
        st.dictionaries(st.sampled_from(ATTRIBUTES), VALUES, max_size=4),
        st.lists(children, max_size=3).map("".join),
    ),
    max_leaves=12,
)
HAPPENINGS = st.one_of(
    st.just(Done()),
    st.just(Silence()),
    st.builds(Keys, st.text("0123456789*#Ax", max_size=4)),
    st.builds(Words, st.text(max_size=6)),
    st.just(Returned({"a": "b"})),
    st.just(Begin()),
)


@given(st.lists(ELEMENTS, max_size=6), st.lists(HAPPENINGS, max_size=40))
def test_no_document_and_no_caller_makes_the_walk_fail(elements: list[str], happenings: list[Happening]) -> None:
    verbs = read(f"<Response>{''.join(elements)}</Response>", URL)
    assert len(verbs) <= twiml.MAX_VERBS
    position, taken = step(Position(verbs), Begin())
    for happened in happenings:
        before = position
        position, taken = step(position, happened)
        assert position.at >= before.at
        assert isinstance(taken, Hear | Listen | Ask | Do | LeaveQueue | End | Carry)
        if isinstance(taken, Hear):
            assert 0 <= twiml.lasts(taken.prompt) <= 1_500
        if isinstance(taken, Listen):
            assert 0 <= taken.seconds <= 600


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(document: str) -> None:
    code = 0
    try:
        read(document, URL)
    except twiml.Unreadable as refused:
        code = refused.code
    assert code in (0, 11750, 12100, 12102)


@given(st.lists(ELEMENTS, max_size=6))
def test_a_caller_who_does_nothing_comes_to_an_end(elements: list[str]) -> None:
    """Every document is over after so many steps, each prompt heard once: nothing within one document loops."""
    verbs = read(f"<Response>{''.join(elements)}</Response>", URL)
    position, taken = step(Position(verbs), Begin())
    for _ in range(4 * twiml.MAX_VERBS * twiml.MAX_LOOPS):
        match taken:
            case End() | Ask() | LeaveQueue():
                return
            case Listen():
                position, taken = step(position, Silence())
            case Do(verb) if not isinstance(verb, twiml.Taping | twiml.Transcribe | twiml.Message):
                position, taken = step(position, Returned())
            case _:
                position, taken = step(position, Done())
    raise AssertionError("the document does not end")
