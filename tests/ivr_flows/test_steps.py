"""What each kind of step asks, of whom, and where every answer leads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contact_center.domain.calls import Await, Collect, Dial, HangUp, Hold, Play, Record, Say
from contact_center.domain.events import (
    CallerInput,
    CallerRecorded,
    ConsentChanged,
    DialEnded,
    ServiceAnswered,
    SurveyAnswered,
)
from ivr_flows import (
    CallbackWanted,
    CodeAsked,
    CodeChecked,
    DialAsked,
    Flow,
    PinChecked,
    QueueAsked,
    ServiceAsked,
    Turn,
    VoicemailLeft,
    advance,
    after_call,
    hold_again,
    joined,
    load,
)
from ivr_flows.conditions import ConditionError, condition
from tests.ivr_flows.callers import (
    HEAD,
    NOW,
    TWO,
    answer,
    at,
    begin,
    flow_of,
    heard,
    press,
    standing,
    tick,
    ways,
)

TWO_ENDS = "  good: {hang_up: Good.}\n  bad: {hang_up: Bad.}\n"
ENDS = "  good: {hang_up: Good.}\n  bad: {hang_up: Bad.}\n  worse: {hang_up: Worse.}\n"


def last(turn: Turn) -> object:
    return turn.actions[-1]


# --- words -------------------------------------------------------------------------------------------------------


def test_recordings_are_played_in_the_callers_language() -> None:
    flow = flow_of("  a: {play: {en: /media/hi.wav, zh: https://cdn.example/nihao.mp3}}\n  b: {hang_up: null}\n", TWO)
    assert begin(flow).actions[0] == Play("/media/hi.wav")
    assert begin(flow, language="zh").actions[0] == Play("https://cdn.example/nihao.mp3")
    assert begin(flow).steps[0].said == "[/media/hi.wav]"


def test_one_recording_may_do_for_all_languages() -> None:
    assert begin(flow_of("  a: {play: /media/hi.wav}\n  b: {hang_up: null}\n", TWO)).actions[0] == Play(
        "/media/hi.wav"
    )


def test_a_question_may_be_a_recording() -> None:
    flow = flow_of(
        "  a: {menu: {play: /media/menu.wav}, choices: {'1': b}, no_input: b, no_match: b}\n  b: {hang_up: null}\n"
    )
    collect = last(begin(flow))
    assert isinstance(collect, Collect)
    assert collect.prompts == (Play("/media/menu.wav"),)


def test_a_recording_may_stand_beside_words() -> None:
    flow = flow_of("  a: {hang_up: {en: {play: /media/bye.wav}, zh: 再见。}}\n", TWO)
    assert begin(flow).actions == (HangUp((Play("/media/bye.wav"),)),)
    assert heard(begin(flow, language="zh")) == ["再见。"]


def test_marked_up_words_are_passed_on_with_their_variables_escaped() -> None:
    flow = flow_of(
        '  a: {say: "<speak>Hi <emphasis>{who}</emphasis></speak>"}\n  b: {hang_up: null}\n', HEAD + "facts: [who]\n"
    )
    turn = begin(flow, who='<Dial>&"')
    assert turn.actions[0] == Say("Hi <emphasis>&lt;Dial&gt;&amp;&quot;</emphasis>", "en-US", "", ssml=True)
    assert turn.steps[0].said == "Hi &lt;Dial&gt;&amp;&quot;"


def test_words_are_marked_up_where_the_step_says_so() -> None:
    flow = flow_of("  a: {say: \"Wait <break time='1s'/> here\", ssml: true}\n  b: {hang_up: null}\n")
    assert begin(flow).actions[0] == Say("Wait <break time='1s'/> here", "en-US", "", ssml=True)
    assert begin(flow).steps[0].said == "Wait here"


def test_a_number_may_be_spoken_digit_by_digit() -> None:
    flow = flow_of('  a: {hang_up: "{ani:digits} {ani:last4} {dnis:digits|nothing}"}\n')
    assert heard(begin(flow, ani="+15550123")) == ["1 5 5 5 0 1 2 3 0 1 2 3 nothing"]


def test_words_that_come_to_nothing_are_not_said() -> None:
    assert begin(flow_of('  a: {say: "{x}"}\n  b: {hang_up: "{x}"}\n', HEAD + "facts: [x]\n")).actions == (
        HangUp(()),
    )


def test_each_language_has_its_voice_until_the_flow_chooses_another() -> None:
    flow = flow_of(
        "  a: {say: [{en: Hi}, {zh: 您好}]}\n  b: {language: zh, voice: Zhiyu}\n  c: {say: {en: Hi, zh: 您好}}\n"
        "  d: {language: en}\n  e: {hang_up: {en: Bye, zh: 再见}}\n",
        TWO + "voices: {en: Joanna}\n",
    )
    turn = begin(flow)
    assert turn.actions == (
        Say("Hi", "en-US", "Joanna"),
        Say("您好", "zh-CN"),
        Say("您好", "zh-CN", "Zhiyu"),
        HangUp((Say("Bye", "en-US", "Joanna"),)),
    )
    assert turn.variables["language"] == "en"


# --- asking the caller -------------------------------------------------------------------------------------------

COLLECT = """
  a: {collect: Number!, variable: n, min: 3, max: 5, finish_on: "*", retries: 1, timeout_ms: 7000, barge_in: false,
      no_input: bad, no_match: {say: Three to five., next: worse}}
  ok: {set: {echo: "{n}"}, next: good}
"""


@pytest.fixture
def number() -> Flow:
    return flow_of(COLLECT + ENDS)


def test_digits_become_a_variable(number: Flow) -> None:
    turn = begin(number)
    collect = last(turn)
    assert collect == Collect(turn.position, (Say("Number!", "en-US"),), "en-US", 5, "*", 7_000, barge_in=False)
    turn = press(number, turn, "1234")
    assert (turn.variables["n"], turn.variables["echo"]) == ("1234", "1234")
    assert ways(turn) == [("a", "next"), ("ok", "next")]


@pytest.mark.parametrize("digits", ["12", "123456", "12a", "12*", "١٢٣"])
def test_wrong_digits_are_asked_for_again_and_then_given_up(number: Flow, digits: str) -> None:
    turn = press(number, begin(number), digits)
    assert heard(turn) == ["Three to five.", "Number!"]
    assert ways(press(number, turn, digits)) == [("a", "no_match")]
    assert heard(press(number, turn, digits)) == ["Worse."]


def test_no_digits_have_their_own_way_out(number: Flow) -> None:
    turn = press(number, begin(number))
    assert heard(turn) == ["Sorry, I didn't hear anything.", "Number!"]
    assert heard(press(number, turn)) == ["Bad."]


SECRET = """
  a: {collect: Card!, variable: card, secret: true, service: cards, with: {caller: "{ani}"}, max: 16, min: 12,
      into: {brand: brand}, error: bad, timeout: worse, no_input: bad, no_match: bad}
  ok: {hang_up: "{brand}"}
"""


def test_secret_digits_go_to_their_service_and_nowhere_else() -> None:
    flow = flow_of(SECRET + ENDS.replace("  good: {hang_up: Good.}\n", ""))
    turn = begin(flow, ani="+15550100")
    collect = last(turn)
    assert isinstance(collect, Collect)
    assert collect.secret
    turn = press(flow, turn, "4111111111111111")
    assert isinstance(turn.asks, ServiceAsked)
    assert turn.asks == ServiceAsked(
        turn.position, "cards", {"caller": "+15550100", "card": "4111111111111111"}, 4_000, secret=True
    )
    assert "4111" not in repr(replace(turn, asks=None)) + repr(turn.asks)
    turn = answer(flow, turn, "ok", brand="Visa", pan="4111111111111111")
    assert heard(turn) == ["Visa"]
    assert "4111" not in repr(turn)


def test_what_a_service_says_of_secret_digits_has_its_exits() -> None:
    flow = flow_of(SECRET + ENDS.replace("  good: {hang_up: Good.}\n", ""))
    asked = press(flow, begin(flow), "411111111111")
    outcomes = {outcome: heard(answer(flow, asked, outcome)) for outcome in ("error", "not_found", "timeout", "odd")}
    assert outcomes == {"error": ["Bad."], "not_found": ["Bad."], "timeout": ["Worse."], "odd": ["Bad."]}


# --- services ----------------------------------------------------------------------------------------------------

FETCH = """
  a: {fetch: orders, with: {number: "{n|0}"}, into: {state: status, lang: language},
      say: {en: One moment., zh: 请稍候。}, budget_ms: 2000, not_found: bad, error: worse, timeout: bad}
  ok: {hang_up: {en: "It is {status}.", zh: "{status}了。"}}
  bad: {hang_up: {en: Bad., zh: 坏}}
  worse: {hang_up: {en: Worse., zh: 更坏}}
"""


@pytest.fixture
def orders() -> Flow:
    return flow_of(FETCH, TWO + "facts: [n]\n")


def test_a_service_is_asked_while_the_caller_hears_why(orders: Flow) -> None:
    turn = begin(orders, n="77")
    assert turn.asks == ServiceAsked(turn.position, "orders", {"number": "77"}, 2_000)
    assert turn.actions == (Await(turn.position, (Say("One moment.", "en-US"),)),)
    assert not turn.over
    assert turn.steps[-1].position == turn.position


def test_an_answer_becomes_variables_and_a_language_one_that_is_spoken(orders: Flow) -> None:
    turn = answer(orders, begin(orders), "ok", state="sent\n", lang="zh-TW", other="x")
    assert heard(turn) == ["sent了。"]
    assert turn.variables["language"] == "zh"
    assert "other" not in turn.variables
    assert heard(answer(orders, begin(orders), "ok", lang="tlh")) == ["It is ."]


def test_an_answer_that_is_none_has_its_exits(orders: Flow) -> None:
    said = [heard(answer(orders, begin(orders), outcome)) for outcome in ("not_found", "error", "timeout", "?")]
    assert said == [["Bad."], ["Worse."], ["Bad."], ["Worse."]]


def test_the_caller_waits_in_ticks_and_the_budget_ends_it(orders: Flow) -> None:
    turn = begin(orders)
    second = tick(orders, turn, later=1_000)
    assert last(second) == Await(second.position)
    assert second.position != turn.position
    assert (second.asks, second.steps) == (None, ())
    late = tick(orders, second, later=2_000)
    assert ways(late) == [("a", "timeout")]


def test_an_answer_is_taken_whatever_tick_it_is_given_for(orders: Flow) -> None:
    turn = begin(orders)
    second = tick(orders, turn, later=500)
    third = tick(orders, second, later=900)
    assert turn.asks is not None
    given = ServiceAnswered(turn.asks.position, "ok", {"state": "sent"})
    for position in (turn.position, second.position, third.position):
        came = advance(orders, turn.position, turn.variables, replace(given, position=position), NOW)
        assert heard(came) == ["It is sent."]
    # A tick that was recorded does not make the ask another one.
    assert heard(advance(orders, third.position, turn.variables, replace(given, position=third.position), NOW))


def test_an_answer_that_comes_twice_counts_once(orders: Flow) -> None:
    turn = begin(orders)
    done = answer(orders, turn, "ok", state="sent")
    again = advance(orders, done.position, done.variables, ServiceAnswered(turn.position, "error"), NOW)
    assert (again.actions, again.steps, again.over) == (done.actions, (), True)


def test_what_came_too_late_for_a_pending_ask_lets_the_caller_wait_on(orders: Flow) -> None:
    turn = begin(orders)
    again = advance(orders, turn.position, turn.variables, CallerInput("x.1.0.ask.0.0.a", "1"), NOW)
    assert (again.actions, again.asks, again.steps) == ((Await(turn.position),), None, ())


def test_a_turn_that_was_answered_at_once_is_one_turn(orders: Flow) -> None:
    first = begin(orders)
    both = joined(first, answer(orders, first, "ok", state="sent"))
    assert heard(both) == ["It is sent."]
    assert ways(both) == [("", ""), ("a", "next")]
    assert both.over


@pytest.mark.parametrize("phase", ["ask", "check", "dial", "nonsense"])
def test_a_position_that_the_step_never_has_goes_on_from_the_step(phase: str) -> None:
    flow = flow_of("  a: {say: Hi.}\n  b: {queue: q}\n")
    position = f"{flow.version}.3.0.{phase}.0.0.a"
    for did in (CallerInput(position, "1"), ServiceAnswered(position, "ok")):
        turn = advance(flow, position, {}, did, NOW)
        assert heard(turn) == ["Hi."]
        assert turn.enqueue == QueueAsked("q", 0, {})


# --- who is it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "known, said, candidate", [("yes", "Good.", "yes"), ("no", "Bad.", "no"), ("", "Bad.", "no")]
)
def test_a_number_that_we_know_names_a_candidate_and_proves_nothing(known: str, said: str, candidate: str) -> None:
    flow = flow_of("  a: {identify: ani, known: good, unknown: bad}\n" + TWO_ENDS)
    turn = begin(flow, known=known)
    assert heard(turn) == [said]
    assert turn.variables["candidate"] == candidate
    assert "verified" not in turn.variables


PIN = """
  a: {verify: pin, service: pins, with: {account: "{ani}"}, min: 4, max: 4, retries: 1, verified: good, failed: bad,
      unavailable: worse}
"""


def test_a_pin_is_given_to_its_service_and_is_written_nowhere() -> None:
    flow = flow_of(PIN + ENDS)
    turn = begin(flow, ani="+1555")
    collect = last(turn)
    assert isinstance(collect, Collect)
    assert (collect.secret, collect.max_digits, collect.finish_on) == (True, 4, "#")
    turn = press(flow, turn, "9371")
    assert turn.asks == PinChecked(turn.position, "pins", "9371", {"account": "+1555"})
    assert "9371" not in repr(turn)
    turn = answer(flow, turn, "verified")
    assert heard(turn) == ["Good."]
    assert turn.variables["verified"] == "yes"
    assert "9371" not in repr(turn)


def test_a_wrong_pin_may_be_tried_again_until_it_may_not() -> None:
    flow = flow_of(PIN + ENDS)
    turn = answer(flow, press(flow, begin(flow), "9371"), "failed")
    assert heard(turn) == ["That doesn't match what we have.", "Please enter your PIN, followed by the hash key."]
    turn = answer(flow, press(flow, turn, "0000"), "not_found")
    assert heard(turn) == ["Bad."]
    assert "verified" not in turn.variables


def test_a_pin_that_nobody_can_check_is_no_proof() -> None:
    flow = flow_of(PIN + ENDS)
    assert heard(answer(flow, press(flow, begin(flow), "9371"), "error")) == ["Worse."]
    assert ways(tick(flow, press(flow, begin(flow), "9371"), later=4_000)) == [("a", "unavailable")]


def test_silence_and_letters_are_no_pin() -> None:
    flow = flow_of(PIN + ENDS)
    turn = press(flow, begin(flow))
    assert heard(turn)[0] == "Sorry, I didn't hear anything."
    assert heard(press(flow, turn, "12")) == ["Bad."]


def test_what_is_pressed_elsewhere_lets_a_pin_be_asked_again() -> None:
    flow = flow_of(PIN + ENDS)
    turn = begin(flow)
    again = advance(flow, turn.position, turn.variables, CallerInput("", "9371"), NOW)
    assert again.actions == turn.actions


CODE = "  a: {verify: code, min: 6, max: 6, retries: 1, verified: good, failed: bad, unavailable: worse}\n"


def test_a_code_is_sent_first_and_then_asked_for_and_compared() -> None:
    flow = flow_of(CODE + ENDS)
    turn = begin(flow)
    assert turn.asks == CodeAsked(turn.position)
    turn = answer(flow, turn, "sent")
    assert "We've just sent a code" in heard(turn)[0]
    collect = last(turn)
    assert isinstance(collect, Collect)
    assert collect.secret
    again = advance(flow, turn.position, turn.variables, CallerInput("", "1"), NOW)
    assert again.actions == turn.actions
    turn = press(flow, turn, "123456")
    assert turn.asks == CodeChecked(turn.position, "123456")
    assert "123456" not in repr(turn)
    wrong = answer(flow, turn, "failed")
    assert wrong.asks is None, "no second code is sent"
    right = answer(flow, press(flow, wrong, "654321"), "verified")
    assert heard(right) == ["Good."]
    assert heard(answer(flow, press(flow, wrong, "654321"), "failed")) == ["Bad."]


def test_a_code_that_can_not_be_sent_proves_nothing() -> None:
    flow = flow_of(CODE + ENDS)
    assert heard(answer(flow, begin(flow), "unavailable")) == ["Worse."]
    assert ways(tick(flow, begin(flow), later=9_999)) == []
    assert ways(tick(flow, begin(flow), later=10_000)) == [("a", "unavailable")]


# --- into a queue ------------------------------------------------------------------------------------------------


def test_priority_and_skills_gather_on_the_way() -> None:
    flow = flow_of(
        '  a: {priority: 30}\n  b: {skills: {"speaks {language}": 3, phones: 1}}\n  c: {priority: 80}\n'
        "  d: {skills: {phones: 2}}\n  e: {queue: q, priority: 5, skills: {phones: 1, fax: 4}}\n"
    )
    turn = begin(flow)
    assert turn.enqueue == QueueAsked("q", 100, {"speaks en": 3, "phones": 2, "fax": 4})


def test_a_call_gathers_no_end_of_skills() -> None:
    flow = flow_of(
        '  a: {collect: Say., variable: n, no_input: q, no_match: q}\n  b: {skills: {"s{n}": 1}, next: a}\n'
        "  q: {queue: q}\n"
    )
    turn = begin(flow)
    for number in range(40):
        turn = press(flow, turn, str(number))
    for _ in range(3):
        turn = press(flow, turn)
    assert turn.enqueue is not None
    assert len(turn.enqueue.skills) == 32


def test_made_up_variables_of_the_interpreters_own_are_not_taken() -> None:
    turn = begin(flow_of("  a: {queue: q}\n"), _priority="9", _skills="[", _voice="x")
    assert turn.enqueue == QueueAsked("q", 0, {})


QUEUE = """
  a:
    queue: q
    say: Please hold.
    wait:
      position: true
      estimate: true
      comfort: [First., Second.]
      music: /media/jazz.wav
      every_ms: 20000
    offer: {"1": b, "2": {next: c, set: {why: message}}}
    closing: closed
    no_agents: nobody
    full: {beyond: 5, next: crowded}
    longest: {ms: 600000, next: long}
  b: {hang_up: Callback.}
  c: {hang_up: "{why}"}
  closed: {hang_up: Closed.}
  nobody: {hang_up: Nobody.}
  crowded: {hang_up: Full.}
  long: {hang_up: Long.}
"""


@pytest.fixture
def line() -> Flow:
    return flow_of(QUEUE)


def test_the_first_music_is_short_where_there_is_something_to_announce(line: Flow) -> None:
    turn = begin(line)
    assert last(turn) == Hold(turn.position, (Say("Please hold.", "en-US"),), "en-US", "/media/jazz.wav", "12", 2_000)
    plain = begin(flow_of("  a: {queue: q, wait: {comfort: [Hi.]}}\n"))
    assert last(plain) == Hold(plain.position, (), "en-US", "", "", 30_000)


def test_who_waits_hears_their_place_the_time_and_comfort_in_turn(line: Flow) -> None:
    turn = tick(line, begin(line), standing(3, 4, estimate_ms=150_000))
    assert heard(turn) == ["There are 2 callers ahead of you.", "The wait is about 3 minutes.", "First."]
    assert last(turn) == Hold(turn.position, turn.actions[0].prompts, "en-US", "/media/jazz.wav", "12", 20_000)  # type: ignore[union-attr]
    assert (turn.enqueue, turn.steps, turn.over, turn.leaves_queue) == (None, (), False, False)
    turn = tick(line, turn, standing(2, 4))
    assert heard(turn) == ["There is one caller ahead of you.", "Second."]
    turn = tick(line, turn, standing(1, 4, estimate_ms=1_000))
    assert heard(turn) == ["You are next.", "The wait is less than a minute.", "First."]
    assert heard(tick(line, turn)) == ["Second."], "nobody knows the place"


@pytest.mark.parametrize(
    "ms, words",
    [
        (29_999, "预计等待时间不到一分钟。"),
        (30_000, "约 1 分钟"),
        (541_000, "约 10 分钟"),
        (601_000, "约 15 分钟"),
        (3_600_000, "超过一小时"),
    ],
)
def test_a_wait_is_told_as_people_say_it(ms: int, words: str) -> None:
    flow = flow_of("  a: {queue: q, wait: {estimate: true}}\n", TWO)
    (said,) = heard(tick(flow, begin(flow, language="zh"), standing(estimate_ms=ms)))
    assert words in said


def test_a_flow_may_have_its_own_words_for_place_and_time() -> None:
    flow = flow_of('  a: {queue: q, wait: {position: "No. {place}, {ahead} before.", estimate: "{minutes} min."}}\n')
    assert heard(tick(flow, begin(flow), standing(4, 9, estimate_ms=240_000))) == ["No. 4, 3 before.", "4 min."]
    silent = flow_of("  a: {queue: q, wait: {position: false, comfort: [Hi.]}}\n")
    assert heard(tick(silent, begin(silent), standing())) == ["Hi."]


def test_ticks_may_go_on_for_hours_each_at_a_new_position(line: Flow) -> None:
    turn = begin(line)
    seen = {turn.position}
    for _ in range(1_000):
        turn = tick(line, turn, standing())
        seen.add(turn.position)
    assert len(seen) == 1_001
    assert ways(tick(line, turn, digits="1")) == [("a", "1")]


def test_a_tick_is_taken_though_nobody_recorded_the_ones_before(line: Flow) -> None:
    first = begin(line)
    third = tick(line, tick(line, first))
    did = CallerInput(third.position, "1")
    turn = advance(line, first.position, first.variables, did, NOW, standing())
    assert heard(turn) == ["Callback."]


def test_a_key_leaves_the_queue_and_others_do_not(line: Flow) -> None:
    turn = tick(line, begin(line), standing(), "2")
    assert heard(turn) == ["message"]
    assert turn.leaves_queue
    assert not tick(line, begin(line), standing(), "7").leaves_queue


@pytest.mark.parametrize(
    "facts, said",
    [
        (standing(is_open=False), ["Closed."]),
        (standing(staffed=False), ["Nobody."]),
        (standing(place=6, size=6), ["Full."]),
        (standing(waited_ms=600_000), ["Long."]),
    ],
)
def test_a_queue_that_can_not_help_sends_on(line: Flow, facts: object, said: list[str]) -> None:
    turn = tick(line, begin(line), facts)  # type: ignore[arg-type]
    assert heard(turn) == said
    assert turn.leaves_queue


def test_a_queue_is_full_only_for_those_who_come(line: Flow) -> None:
    turn = tick(line, begin(line), standing(5, 5))
    assert not tick(line, turn, standing(6, 9)).leaves_queue


def test_a_queue_that_says_nothing_of_it_keeps_the_caller() -> None:
    flow = flow_of("  a: {queue: q}\n")
    turn = tick(flow, begin(flow), standing(9, 9, 10**9, None, False, False))
    assert isinstance(last(turn), Hold)


def test_what_was_pressed_before_leaves_the_caller_waiting(line: Flow) -> None:
    turn = tick(line, begin(line))
    again = advance(line, turn.position, turn.variables, CallerInput("nonsense", "1"), NOW)
    assert isinstance(last(again), Hold)
    assert (again.position, again.leaves_queue) == (turn.position, False)


def test_who_comes_back_from_an_agent_waits_again_and_is_not_queued_again(line: Flow) -> None:
    queued = begin(line)
    turn = hold_again(line, queued.position, queued.variables, NOW + 5)
    assert heard(turn) == ["We're still finding somebody for you. Please stay on the line."]
    assert turn.enqueue is None
    assert turn.position != queued.position
    assert turn.steps[-1].position == turn.position
    assert heard(tick(line, turn, standing())) == ["You are next.", "First."]


@pytest.mark.parametrize("position", ["", "x.1.0.ask.0.0.menu", "x.1.0.ask.0.0.gone"])
def test_who_comes_back_to_where_no_queue_is_waits_all_the_same(position: str) -> None:
    flow = flow_of("  menu: {menu: Hi, choices: {'1': q}, no_input: q, no_match: q}\n  q: {queue: q}\n")
    turn = hold_again(flow, position, {}, NOW)
    assert isinstance(last(turn), Hold)
    second = tick(flow, turn, standing())
    assert isinstance(last(second), Hold)
    assert heard(tick(flow, second)) == []
    stale = advance(flow, second.position, second.variables, CallerInput("old", "1"), NOW)
    assert isinstance(last(stale), Hold)


def test_who_waits_goes_on_waiting_when_the_flow_is_changed(line: Flow) -> None:
    newer = load(HEAD + "steps:\n" + QUEUE + "# changed\n", "f.yaml")
    turn = tick(newer, begin(line), standing())
    assert isinstance(last(turn), Hold)
    assert (turn.enqueue, turn.leaves_queue) == (None, False)
    assert turn.position.startswith(newer.version)
    other = flow_of("  a: {hang_up: Bye.}\n")
    assert isinstance(last(tick(other, begin(line), standing())), Hold)


def test_after_too_many_questions_nothing_is_offered_any_more() -> None:
    flow = flow_of(
        "  a: {queue: q, offer: {'1': b}}\n  b: {menu: Hi, choices: {'1': a}, no_input: a, no_match: a, retries: 0}\n"
    )
    turn = begin(flow)
    for _ in range(50):
        turn = press(flow, tick(flow, turn, digits="1"), "1")
    hold = last(turn)
    assert isinstance(hold, Hold)
    assert hold.keys == ""
    assert not tick(flow, turn, digits="1").leaves_queue


def test_a_transfer_to_an_agent_waits_in_a_queue_for_that_one() -> None:
    flow = flow_of("  a: {transfer: {queue: q, agent: anna}, say: To Anna., priority: 3}\n")
    turn = begin(flow)
    assert turn.enqueue == QueueAsked("q", 3, {}, "anna")
    assert heard(turn) == ["To Anna."]


# --- out of a queue ----------------------------------------------------------------------------------------------

CALLBACK = "  a: {callback: null, retries: 1, accepted: good, declined: bad, unavailable: worse}\n"


def test_a_callback_is_to_the_number_that_rings_which_is_said_back() -> None:
    flow = flow_of(CALLBACK + ENDS)
    turn = begin(flow, ani="+14155550123")
    assert "ends in 0 1 2 3." in heard(turn)[0]
    turn = press(flow, turn, "1")
    assert turn.asks == CallbackWanted(turn.position, "+14155550123")
    assert heard(answer(flow, turn, "accepted")) == ["Good."]
    assert heard(answer(flow, turn, "unavailable")) == ["Worse."]


def test_a_callback_may_be_declined_or_not_understood() -> None:
    flow = flow_of(CALLBACK + ENDS)
    turn = begin(flow, ani="+14155550123")
    assert heard(press(flow, turn, "2")) == ["Bad."]
    again = press(flow, turn, "5")
    assert "ends in 0 1 2 3." in heard(again)[1]
    assert heard(press(flow, again)) == ["Bad."]


def test_who_hides_their_number_can_not_be_called_back() -> None:
    flow = flow_of(CALLBACK + ENDS)
    assert heard(begin(flow)) == ["Worse."]
    turn = begin(flow, ani="+14155550123")
    gone = advance(flow, turn.position, {}, CallerInput(turn.position, "1"), NOW)
    assert gone.asks is None


VOICEMAIL = "  a: {voicemail: null, queue: q, transcribe: true, longest_ms: 60000, recorded: good, nothing: bad}\n"


def test_a_message_is_recorded_and_put_into_its_queue() -> None:
    flow = flow_of(VOICEMAIL + TWO_ENDS)
    turn = begin(flow)
    record = last(turn)
    assert isinstance(record, Record)
    assert (record.longest_ms, record.silence_ms, record.finish_on, record.transcribe) == (60_000, 5_000, "#", True)
    again = advance(flow, turn.position, turn.variables, CallerInput("", "1"), NOW)
    assert again.actions == turn.actions
    left = CallerRecorded(turn.position, "RE1", 4_000, "hang_up")
    turn = advance(flow, turn.position, turn.variables, left, NOW)
    assert turn.asks == VoicemailLeft(turn.position, "RE1", 4_000, "q")
    assert heard(answer(flow, turn, "recorded")) == ["Good."]


@pytest.mark.parametrize("empty", [CallerRecorded("", "", 0), CallerInput("")])
def test_a_message_without_words_is_none(empty: CallerRecorded | CallerInput) -> None:
    flow = flow_of(VOICEMAIL + TWO_ENDS)
    turn = begin(flow)
    assert heard(advance(flow, turn.position, turn.variables, replace(empty, position=turn.position), NOW)) == [
        "Bad."
    ]


TRANSFER = """
  a: {transfer: {number: "+14155550199"}, timeout_ms: 20000, longest_ms: 600000, answered: good, busy: busy,
      no_answer: nobody, refused: refused, failed: bad}
  good: {hang_up: Good.}
  bad: {hang_up: Bad.}
  busy: {hang_up: Busy.}
  nobody: {hang_up: Nobody.}
  refused: {hang_up: Refused.}
"""


def test_a_number_is_rung_when_the_policy_allows_it() -> None:
    flow = flow_of(TRANSFER)
    turn = begin(flow, dnis="+12025550100")
    assert turn.asks == DialAsked(turn.position, "+14155550199")
    dialled = answer(flow, turn, "allowed", caller_id="+12025550111")
    dial = last(dialled)
    assert isinstance(dial, Dial)
    assert (dial.number, dial.caller_id, dial.timeout_ms, dial.longest_ms) == (
        "+14155550199",
        "+12025550111",
        20_000,
        600_000,
    )
    assert dialled.steps[-1].said == "We're connecting you now. Please hold."
    own = last(answer(flow, turn, "allowed"))
    assert isinstance(own, Dial)
    assert own.caller_id == "+12025550100"
    stale = advance(flow, dialled.position, dialled.variables, CallerInput("", "1"), NOW)
    assert isinstance(last(stale), Dial)


@pytest.mark.parametrize(
    "outcome, said", [("answered", "Good."), ("busy", "Busy."), ("no_answer", "Nobody."), ("failed", "Bad.")]
)
def test_how_a_transfer_ended_has_its_exit(outcome: str, said: str) -> None:
    flow = flow_of(TRANSFER)
    turn = answer(flow, begin(flow), "allowed")
    ended = DialEnded(turn.position, outcome)  # type: ignore[arg-type]
    assert heard(advance(flow, turn.position, turn.variables, ended, NOW)) == [said]


def test_a_transfer_that_is_not_allowed_or_never_decided_rings_nobody() -> None:
    flow = flow_of(TRANSFER)
    assert heard(answer(flow, begin(flow), "refused")) == ["Refused."]
    assert heard(tick(flow, begin(flow), later=4_000)) == ["Bad."]
    turn = answer(flow, begin(flow), "allowed")
    assert heard(press(flow, turn, "1")) == ["Bad."]


def test_the_call_ends_with_the_other_one_where_nothing_else_is_said() -> None:
    flow = flow_of('  a: {transfer: {number: "+14155550199"}, failed: bad}\n  bad: {hang_up: Bad.}\n')
    turn = answer(flow, begin(flow), "allowed")
    over = advance(flow, turn.position, turn.variables, DialEnded(turn.position, "answered"), NOW)
    assert (over.actions, over.over) == ((HangUp(()),), True)
    assert ways(over) == [("a", "answered")]
    again = press(flow, over, "1")
    assert (again.actions, again.over, again.steps) == ((HangUp(()),), True, ())


# --- consent, surveys, experiments -------------------------------------------------------------------------------


def test_an_announced_recording_is_agreed_to_by_staying() -> None:
    flow = flow_of("  a: {consent: announce}\n  b: {hang_up: null}\n")
    turn = begin(flow)
    assert turn.happened == (ConsentChanged("recording", True, "announced"),)
    assert heard(turn) == ["This call is recorded so that we can improve our service."]
    assert turn.variables["consent"] == "yes"


CONSENT = (
    "  a: {consent: ask, retries: 1, given: good, refused: bad}\n  good: {hang_up: Good.}\n  bad: {hang_up: Bad.}\n"
)


@pytest.mark.parametrize("key, given, said", [("1", True, "Good."), ("2", False, "Bad.")])
def test_a_recording_may_be_agreed_to_or_not(key: str, given: bool, said: str) -> None:
    flow = flow_of(CONSENT)
    turn = press(flow, begin(flow), key)
    assert turn.happened == (ConsentChanged("recording", given, "key"),)
    assert heard(turn) == [said]


def test_silence_does_not_agree() -> None:
    flow = flow_of(CONSENT)
    turn = press(flow, begin(flow), "5")
    assert turn.happened == ()
    assert "May we record" in heard(turn)[1]
    turn = press(flow, turn)
    assert turn.happened == (ConsentChanged("recording", False, "silence"),)
    assert heard(turn) == ["Bad."]


SURVEY = """
  a:
    survey:
      - {name: stars, say: Stars!}
      - {name: why, say: Why!, speech: true}
      - {name: again, say: Again!, from: 1, to: 2}
    retries: 1
  b: {hang_up: Thanks.}
"""


def test_a_survey_asks_one_question_after_the_other() -> None:
    flow = flow_of(SURVEY)
    first = begin(flow)
    second = press(flow, first, "5")
    assert second.happened == (SurveyAnswered("stars", "5"),)
    assert heard(second) == ["Why!"]
    collect = last(second)
    assert isinstance(collect, Collect)
    assert collect.speech
    third = press(flow, second, speech="It was quick", confidence=0.9)
    assert third.happened == (SurveyAnswered("why", "It was quick"),)
    stale = advance(flow, third.position, third.variables, CallerInput(first.position, "1"), NOW)
    assert (heard(stale), stale.happened) == (["Again!"], ())
    end = press(flow, third, "2")
    assert end.happened == (SurveyAnswered("again", "2"),)
    assert heard(end) == ["Thanks."]
    assert len({first.position, second.position, third.position, end.position}) == 4


def test_a_question_may_be_skipped_or_left_unanswered() -> None:
    flow = flow_of(SURVEY)
    second = press(flow, begin(flow), "*")
    assert (second.happened, heard(second)) == ((), ["Why!"])
    asked = press(flow, begin(flow), "9")
    assert heard(asked) == ["Sorry, I didn't get that.", "Stars!"]
    assert heard(press(flow, asked)) == ["Why!"]
    assert heard(press(flow, second, speech="mumble", confidence=0.1))[0] == "Sorry, I didn't get that."


def test_answers_are_events_and_no_variables() -> None:
    flow = flow_of(SURVEY)
    turn = press(flow, begin(flow), "5")
    assert "5" not in turn.variables.values()


SPLIT = "  a: {split: greeting, salt: s1, arms: {old: {weight: 3, next: good}, new: {next: bad}}}\n"


def test_an_experiment_deals_callers_by_weight_and_always_the_same_way() -> None:
    flow = flow_of(SPLIT + TWO_ENDS)
    arms = [begin(flow, ani=f"+1555{n:07}").steps[-1].exit for n in range(4_000)]
    assert arms == [begin(flow, ani=f"+1555{n:07}").steps[-1].exit for n in range(4_000)]
    assert 0.72 < arms.count("old") / 4_000 < 0.78
    assert set(arms) == {"old", "new"}


def test_another_salt_deals_anew() -> None:
    texts = [(SPLIT + TWO_ENDS).replace("s1", salt) for salt in ("s1", "s2")]
    first, second = ([begin(flow_of(t), ani=str(n)).steps[-1].exit for n in range(200)] for t in texts)
    assert first != second


# --- conditions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "facts, said",
    [
        ({"orders": "3", "tier": "gold"}, "Good."),
        ({"orders": "2", "tier": "gold"}, "Bad."),
        ({"orders": "many", "tier": "gold"}, "Bad."),
        ({}, "Bad."),
        ({"orders": "", "tier": "new customer"}, "Worse."),
    ],
)
def test_a_condition_that_can_not_be_computed_does_not_hold(facts: dict[str, str], said: str) -> None:
    flow = flow_of(
        "  a:\n    branch:\n      - {if: 'int(orders) > 2 && tier == \"gold\"', next: good}\n"
        "      - {if: 'tier.startsWith(\"new\")', next: worse}\n    otherwise: bad\n" + ENDS,
        HEAD + "facts: [orders, tier]\n",
    )
    assert heard(begin(flow, **facts)) == [said]


@pytest.mark.parametrize("ani", ["1", "x" * 256, "", "(", "٣"])
def test_whatever_a_variable_holds_a_condition_holds_or_does_not(ani: str) -> None:
    for source in (
        "ani.matches('^[0-9]+$')",
        "ani.matches('(')",
        "double(ani) / 0.0 > 1.0",
        "ani.x == 1",
        "ani[3] == 'x'",
    ):
        assert condition(source).holds({"ani": ani}) in (True, False)
    assert not condition("1").holds({}), "only what is true holds"


def test_a_condition_has_a_length() -> None:
    with pytest.raises(ConditionError, match="more than 500"):
        condition("1 == 1 && " * 60 + "true")


def test_a_condition_that_the_library_can_not_even_refuse_is_refused() -> None:
    with pytest.raises(ConditionError, match="cannot be read"):
        condition("'\ud800' == ani")


# --- flows in flows ----------------------------------------------------------------------------------------------

INNER = """
flow: inner
languages: {en: en-GB, zh: zh-CN}
facts: [who]
steps:
  ask: {menu: {en: "{who}?", zh: "{who}吗？"}, choices: {"1": agrees, "2": no}, no_input: {next: no}, no_match: no}
  agrees: {return: agreed}
  no: {return: null}
"""
OUTER = """
flow: outer
languages: {en: en-US}
steps:
  a: {set: {who: Ann}}
  b: {subflow: inner, exits: {agreed: c}, next: bad}
  c: {set: {who: Bob}}
  d: {subflow: inner, exits: {agreed: good}}
  bad: {hang_up: Bad.}
  good: {hang_up: Good.}
"""


def test_a_flow_in_a_flow_returns_to_where_it_was_called() -> None:
    flow = load(OUTER, "outer", {"inner": INNER})
    turn = begin(flow)
    assert at(turn) == "b/ask"
    assert turn.actions[0].prompts == (Say("Ann?", "en-US"),)  # type: ignore[union-attr]
    assert heard(press(flow, turn, "2")) == ["Bad."]
    turn = press(flow, turn, "1")
    assert (at(turn), heard(turn)) == ("d/ask", ["Bob?"])
    assert heard(press(flow, turn, "1")) == ["Good."]
    assert ("b/agrees", "agreed") in ways(turn)


def test_a_flow_that_returns_to_nobody_ends() -> None:
    flow = load(INNER, "inner")
    turn = press(flow, begin(flow, who="x"), "1")
    assert (turn.actions, turn.over) == ((HangUp(()),), True)


def test_a_version_is_of_all_texts_that_a_flow_is_made_of() -> None:
    versions = {load(OUTER, "o", {"inner": text}).version for text in (INNER, INNER + "# changed\n")}
    assert len(versions) == 2
    assert load(OUTER, "o", {"inner": INNER, "other": "x"}).version in versions


# --- after the call ----------------------------------------------------------------------------------------------


def test_after_a_conversation_the_flow_may_go_on() -> None:
    flow = flow_of(
        "  a: {queue: q}\n  s: {survey: [{name: x, say: How!}]}\n  t: {hang_up: Bye.}\n", HEAD + "after_call: s\n"
    )
    first = begin(flow)
    turn = after_call(flow, first.variables, NOW)
    assert turn is not None
    assert heard(turn) == ["How!"]
    again = after_call(flow, turn.variables, NOW)
    assert again is not None
    assert again.position != turn.position
    odd = after_call(flow, {"_leg": "x"}, NOW)
    assert odd is not None
    assert odd.position == turn.position
    assert heard(press(flow, turn, "3")) == ["Bye."]


def test_a_flow_that_has_nothing_to_say_after_a_conversation_says_nothing() -> None:
    assert after_call(flow_of("  a: {queue: q}\n"), {}, NOW) is None


# --- enough is enough --------------------------------------------------------------------------------------------


def test_a_caller_who_has_been_asked_a_hundred_times_is_asked_nothing_more() -> None:
    flow = flow_of(
        """
  m: {menu: Hi, choices: {"1": m, "2": c}, no_input: c, no_match: c, retries: 0}
  c: {collect: N!, variable: n, no_input: v, no_match: v}
  v: {verify: code, verified: good, failed: k}
  k: {consent: ask}
  s: {survey: [{name: x, say: How!}]}
  b: {callback: null, accepted: good, declined: l}
  l: {voicemail: null, queue: q, recorded: good, nothing: end}
  end: {queue: q}
  good: {hang_up: Good.}
"""
    )
    turn = begin(flow, ani="+1")
    for _ in range(99):
        turn = press(flow, turn, "1")
    turn = press(flow, turn, "2")
    assert turn.enqueue == QueueAsked("q", 0, {})
    assert [step.exit for step in turn.steps] == [
        "2",
        "no_input",
        "failed",
        "refused",
        "next",
        "declined",
        "nothing",
    ]


def test_a_survey_stops_when_it_has_been_enough() -> None:
    questions = ", ".join(f"{{name: q{n}, say: How!}}" for n in range(3))
    flow = flow_of(
        f"  m: {{menu: Hi, choices: {{'1': m, '2': s}}, no_input: s, no_match: s}}\n  s: {{survey: [{questions}]}}\n"
        "  e: {hang_up: Bye.}\n"
    )
    turn = begin(flow)
    for _ in range(98):
        turn = press(flow, turn, "1")
    turn = press(flow, press(flow, turn, "2"), "3")
    assert heard(turn) == ["Bye."]
