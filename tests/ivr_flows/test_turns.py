"""What a caller hears, and where each key, word and silence leads."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contact_center.domain.calls import Collect, HangUp, Hold, Say
from contact_center.domain.events import CallerInput
from ivr_flows import Flow, QueueAsked, advance, load, start
from tests.ivr_flows.callers import NOW, begin, heard, press, shipped

MENU = """
flow: shop
languages: {en: en-GB, zh: zh-CN}
otherwise: anyone
facts: [guest]
steps:
  hello:
    say: {en: "Hello {guest|there}.", zh: "{guest}您好。"}
  menu:
    menu: {en: "Sales 1, help 2.", zh: "销售请按1，帮助请按2。"}
    choices:
      "1": {next: sales, words: {en: [sales, "buy something"], zh: [销售]}}
      "2": {next: help, words: {en: [help, something], zh: [帮助]}, set: {wanted: help}}
      "10": again
    retries: 2
    no_match: {say: {en: "Not a choice.", zh: "没有这个选项。"}, next: bye}
  again: {goto: menu}
  sales: {queue: sales, priority: 7, skills: {"speaks {language}": 3, phones: 1}, say: {en: Wait., zh: 请稍候。}}
  help: {queue: help}
  anyone: {queue: anyone}
  bye: {hang_up: {en: Goodbye., zh: 再见。}}
"""


@pytest.fixture(scope="module")
def shop() -> Flow:
    return load(MENU, "shop.yaml")


def test_a_caller_is_greeted_by_name_and_asked(shop: Flow) -> None:
    turn = begin(shop, guest="Ann")
    assert turn.actions == (
        Say("Hello Ann.", "en-GB"),
        Collect(
            position=turn.position,
            prompts=(Say("Sales 1, help 2.", "en-GB"),),
            language="en-GB",
            max_digits=2,
            finish_on="#",
            timeout_ms=5_000,
            speech=True,
            hints=("sales", "buy something", "销售", "help", "something", "帮助"),
        ),
    )
    assert not turn.over
    assert turn.enqueue is None


def test_a_nameless_caller_is_greeted_too(shop: Flow) -> None:
    assert heard(begin(shop))[0] == "Hello there."


@pytest.mark.parametrize("language", ["zh", "zh-CN", "zh-HK", "ZH"])
def test_a_caller_whose_language_is_known_hears_it_at_once(shop: Flow, language: str) -> None:
    turn = begin(shop, language=language, guest="李雷")
    assert turn.actions[0] == Say("李雷您好。", "zh-CN")
    assert turn.variables["language"] == "zh"


@pytest.mark.parametrize("language", ["", "tlh", "-"])
def test_a_language_that_the_flow_does_not_speak_is_answered_in_its_first(shop: Flow, language: str) -> None:
    assert begin(shop, language=language).variables["language"] == "en"


def test_a_language_is_known_by_its_tag_whatever_the_flow_calls_it() -> None:
    flow = load("flow: f\nlanguages: {a: en-US, b: fr-FR}\nsteps: {x: {hang_up: {a: Bye, b: Salut}}}", "f")
    assert begin(flow, language="fr-CA").actions == (HangUp((Say("Salut", "fr-FR"),)),)


def test_a_key_leads_to_its_queue_with_priority_and_skills(shop: Flow) -> None:
    turn = press(shop, begin(shop), "1")
    assert turn.actions == (Hold(turn.position, (Say("Wait.", "en-GB"),), "en-GB"),)
    assert turn.enqueue == QueueAsked("sales", 7, {"speaks en": 3, "phones": 1})
    assert not turn.over


def test_a_choice_may_set_a_variable(shop: Flow) -> None:
    turn = press(shop, begin(shop), "2")
    assert turn.enqueue == QueueAsked("help", 0, {})
    assert turn.variables["wanted"] == "help"


def test_a_goto_asks_the_menu_anew_with_all_its_retries(shop: Flow) -> None:
    turn = press(shop, press(shop, begin(shop), "99"), "10")
    assert heard(turn) == ["Sales 1, help 2."]
    assert [(step.step, step.exit) for step in turn.steps] == [("menu", "10"), ("again", "next")]
    assert not press(shop, press(shop, turn, "99"), "99").over


@pytest.mark.parametrize(
    "speech, queue",
    [
        ("Sales, please!", "sales"),
        ("I'd like to BUY something", "sales"),
        ("just something", "help"),
        ("我想找销售的人", "sales"),
        ("请帮助我", "help"),
    ],
)
def test_words_choose_as_keys_do(shop: Flow, speech: str, queue: str) -> None:
    turn = press(shop, begin(shop), speech=speech, confidence=0.8)
    assert turn.enqueue is not None
    assert turn.enqueue.queue == queue


@pytest.mark.parametrize("speech", ["wholesales", "the weather", "销", "sales or help", "销售帮助"])
def test_words_that_choose_nothing_or_two_things_are_not_understood(shop: Flow, speech: str) -> None:
    turn = press(shop, begin(shop), speech=speech)
    assert turn.steps[0].exit == "no_match"


def test_words_that_the_recogniser_doubts_are_not_understood(shop: Flow) -> None:
    assert press(shop, begin(shop), speech="sales", confidence=0.1).steps[0].exit == "no_match"


def test_keys_count_more_than_words(shop: Flow) -> None:
    turn = press(shop, begin(shop), "2", speech="sales")
    assert turn.enqueue == QueueAsked("help", 0, {})


def test_silence_is_asked_again_as_often_as_said_and_then_led_to_a_person(shop: Flow) -> None:
    turn = begin(shop)
    for _ in range(2):
        turn = press(shop, turn)
        assert heard(turn) == ["Sorry, I didn't hear anything.", "Sales 1, help 2."]
        assert [(step.step, step.exit) for step in turn.steps] == [("menu", "no_input")]
    turn = press(shop, turn)
    assert turn.enqueue == QueueAsked("anyone", 0, {})


def test_a_wrong_key_has_its_own_words_and_way_out(shop: Flow) -> None:
    turn = press(shop, begin(shop, language="zh"), "9")
    assert heard(turn) == ["没有这个选项。", "销售请按1，帮助请按2。"]
    turn = press(shop, press(shop, turn, "9"), "9")
    assert turn.actions == (HangUp((Say("再见。", "zh-CN"),)),)
    assert turn.over
    assert turn.enqueue is None


def test_a_repeated_answer_changes_nothing(shop: Flow) -> None:
    first = begin(shop)
    second = press(shop, first, "99")
    late = CallerInput(first.position, "1")
    again = advance(shop, second.position, second.variables, late, NOW)
    assert again.position == second.position
    assert again.steps == ()
    assert again.enqueue is None
    assert heard(again) == ["Sales 1, help 2."]
    assert press(shop, again, "1").enqueue is not None


def test_an_answer_that_comes_twice_to_the_same_menu_counts_once(shop: Flow) -> None:
    first = begin(shop)
    second = press(shop, first, "10")
    late = advance(shop, second.position, second.variables, CallerInput(first.position, "10"), NOW)
    assert (late.position, late.steps) == (second.position, ())


def test_what_a_queued_caller_presses_leaves_them_in_the_queue(shop: Flow) -> None:
    queued = press(shop, begin(shop), "1")
    again = press(shop, queued, "2")
    assert again.actions == (Hold(again.position, (), "en-GB"),)
    assert again.position != queued.position
    assert not again.over
    assert again.enqueue is None
    assert again.steps == ()


def test_what_comes_after_goodbye_is_answered_with_goodbye(shop: Flow) -> None:
    bye = begin(shop)
    for _ in range(3):
        bye = press(shop, bye, "9")
    again = press(shop, bye, "1")
    assert (again.actions, again.over) == (bye.actions, True)


@pytest.mark.parametrize(
    "position", ["", "x", "a.b.c.menu", "a.1.0.gone", "a.1.٣.menu", "a.-1.0.menu", "." * 50, "a.1234567.0.menu"]
)
def test_a_position_that_was_never_given_begins_anew(shop: Flow, position: str) -> None:
    turn = advance(shop, position, {"guest": "Ann", "language": "xx"}, CallerInput(position, "1"), NOW)
    assert heard(turn) == ["Hello Ann.", "Sales 1, help 2."]
    assert turn.variables["language"] == "en"


def test_a_position_of_another_version_is_asked_in_this_one(shop: Flow) -> None:
    newer = load(MENU + "# changed\n", "shop.yaml")
    old = begin(shop)
    turn = press(newer, old, "1")
    assert turn.enqueue is None
    assert turn.position != old.position
    assert press(newer, turn, "1").enqueue is not None


def test_a_call_that_goes_round_for_ever_comes_to_a_person(shop: Flow) -> None:
    turn, asked = begin(shop), 0
    while not turn.enqueue:
        turn = press(shop, turn, "10")
        asked += 1
    assert asked == 100
    assert turn.enqueue == QueueAsked("anyone", 0, {})
    assert [(step.step, step.exit, step.said) for step in turn.steps][-1] == ("menu", "no_input", "")


def test_a_call_at_its_last_question_is_not_asked_once_more(shop: Flow) -> None:
    turn = begin(shop)
    for _ in range(99):
        turn = press(shop, turn, "10")
    assert press(shop, turn, "99").actions == (HangUp((Say("Goodbye.", "en-GB"),)),)


def test_each_step_is_recorded_with_what_was_heard_and_remembered(shop: Flow) -> None:
    turn = begin(shop, guest="Ann")
    assert [(s.step, s.exit, s.said) for s in turn.steps] == [
        ("", "", "Hello Ann."),
        ("hello", "next", "Sales 1, help 2."),
    ]
    assert {(s.flow, s.version) for s in turn.steps} == {("shop", shop.version)}
    assert turn.steps[-1].position == turn.position
    assert turn.steps[-1].variables == turn.variables


def test_what_a_caller_is_called_cannot_become_long_or_several_lines(shop: Flow) -> None:
    turn = begin(shop, guest="A\n\x00B" + "x" * 1_000)
    assert len(turn.variables["guest"]) == 254
    assert turn.variables["guest"].startswith("ABx")


def test_braces_in_a_callers_name_are_only_a_name(shop: Flow) -> None:
    assert heard(begin(shop, guest="{language}"))[0] == "Hello {language}."


BRANCHES = """
flow: doors
languages: {en: en-US}
facts: [segment, guest]
steps:
  keep: {set: {greeting: "Hi {guest}", tier: 2}}
  doors:
    branch:
      - when: {segment: [gold, silver], known: "yes"}
        next: fast
      - when: {tier: 2, segment: ""}
        next: slow
    otherwise: closed
  fast: {queue: fast}
  slow: {say: "{greeting}", next: end}
  end: {hang_up: null}
  closed: {hang_up: We are closed.}
"""


@pytest.mark.parametrize(
    "facts, ends, exit_name",
    [
        ({"segment": "gold", "known": "yes"}, "fast", "case 1"),
        ({"segment": "gold", "known": "no"}, "closed", "otherwise"),
        ({"segment": "bronze"}, "closed", "otherwise"),
        ({}, "end", "case 2"),
    ],
)
def test_a_branch_takes_the_first_case_that_holds(facts: dict[str, str], ends: str, exit_name: str) -> None:
    turn = start(load(BRANCHES, "doors.yaml"), NOW, {**facts, "guest": "Ann"})
    assert turn.position.endswith(f".{ends}")
    assert ("doors", exit_name) in [(step.step, step.exit) for step in turn.steps]
    assert turn.over or turn.enqueue


def test_a_variable_that_is_set_can_be_said() -> None:
    turn = start(load(BRANCHES, "doors.yaml"), NOW, {"guest": "Ann"})
    assert turn.actions == (Say("Hi Ann", "en-US"), HangUp(()))


HOURS = """
flow: hours
languages: {en: en-US}
steps:
  hours:
    hours:
      mon-fri: "09:00-12:00, 13:00-18:00"
      sat-sun: "22:00-02:00"
    zone: Asia/Shanghai
    open: people
    closed: bye
  people: {queue: people}
  bye: {hang_up: Closed.}
"""


@pytest.mark.parametrize(
    "at, is_open",
    [
        ("2026-11-23T00:59:59", False),  # Monday 08:59:59 in Shanghai
        ("2026-11-23T01:00:00", True),
        ("2026-11-23T03:59:59", True),
        ("2026-11-23T04:00:00", False),
        ("2026-11-27T09:59:00", True),
        ("2026-11-27T10:00:00", False),
        ("2026-11-28T14:00:00", True),  # Saturday 22:00
        ("2026-11-28T17:59:59", True),  # Sunday 01:59:59
        ("2026-11-28T18:00:00", False),
        ("2026-11-22T17:30:00", True),  # Monday 01:30: Sunday's window, round the end of the week
        ("2026-11-22T18:00:00", False),
    ],
)
def test_hours_are_those_on_the_wall_of_the_place(at: str, is_open: bool) -> None:
    now = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1_000)
    turn = start(load(HOURS, "hours.yaml"), now, {})
    assert turn.steps[-1].exit == ("open" if is_open else "closed")


@pytest.mark.parametrize("at, is_open", [("2026-03-29T00:59:00", False), ("2026-03-29T01:00:00", True)])
def test_hours_follow_daylight_saving(at: str, is_open: bool) -> None:
    text = (
        HOURS.replace("sat-sun", "sun")
        .replace('"22:00-02:00"', '"02:30-04:00"')
        .replace("Asia/Shanghai", "Europe/Berlin")
    )
    now = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1_000)
    # At 02:00 the clock goes to 03:00, so the window that begins at half past two begins at three.
    assert start(load(text, "hours.yaml"), now, {}).steps[-1].exit == ("open" if is_open else "closed")


def test_a_single_key_menu_waits_for_no_terminator_and_may_use_the_hash() -> None:
    text = (
        "flow: f\nlanguages: {en: en-US}\notherwise: q\nsteps:\n  m: {menu: Hi, choices: {%s: q}}\n  q: {queue: q}\n"
    )
    for key, finish_on in (('"1"', ""), ('"#"', ""), ('"12"', "#"), ('"1#"', "")):
        collect = start(load(text % key, "f"), NOW, {}).actions[-1]
        assert isinstance(collect, Collect)
        assert (collect.finish_on, collect.speech) == (finish_on, False)


# --- the flows that we ship --------------------------------------------------------------------------------------


@pytest.mark.parametrize("language, key", [("en", "1"), ("zh", "2")])
@pytest.mark.parametrize("matter, queue", [("1", "sales"), ("2", "support"), ("3", "billing")])
def test_the_main_line_leads_to_the_right_queue_in_either_language(
    language: str, key: str, matter: str, queue: str
) -> None:
    flow = shipped("main")
    turn = press(flow, press(flow, begin(flow), key), matter)
    assert turn.enqueue is not None
    assert turn.enqueue.queue == queue
    assert turn.variables["language"] == language
    (hold,) = turn.actions
    assert isinstance(hold, Hold)
    assert hold.language == {"en": "en-US", "zh": "zh-CN"}[language]


def test_the_main_line_gives_a_person_to_those_who_only_listen() -> None:
    flow = shipped("main")
    turn = begin(flow)
    for _ in range(5):
        assert not turn.over
        turn = press(flow, turn)
    assert turn.enqueue == QueueAsked("support", 0, {})


def test_the_direct_line_greets_and_queues_at_once() -> None:
    flow = shipped("direct")
    turn = begin(flow)
    assert turn.enqueue == QueueAsked("support", 0, {})
    assert heard(turn)[:2] == ["Thank you for calling.", "感谢您的来电。"]
