"""What a step of an IVR flow costs, and whether that grows with the flow. Run: python -m benchmarks.flows

A call goes through a flow of 10, 100 and 1,000 steps: every other step asks something, the ones between branch on
what is remembered. A step is one step of the flow taken, with its record. The floor beside it is the least that
any interpreter must do for the same: one lookup of the step in a dict, one of the key, one copy of the variables.
CPU time, the best of five rounds in turns.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

from contact_center.domain.events import CallerInput
from ivr_flows import Flow, QueueFacts, advance, load, start

ROUNDS = 5
CALLS_STEPS = 20_000


def flow_of(size: int) -> str:
    lines = ["flow: bench", "languages: {en: en-US, zh: zh-CN}", "otherwise: end", "facts: [guest]", "steps:"]
    for number in range(size // 2):
        after = f"ask{number + 1}" if number + 1 < size // 2 else "end"
        lines += [
            f"  ask{number}:",
            '    menu: {en: "Hello {guest|there}, press 1.", zh: "{guest}您好，请按 1。"}',
            f'    choices: {{"1": {{next: look{number}, set: {{last: "{number}"}}}}, "2": end}}',
            f"  look{number}:",
            '    branch: [{when: {known: "yes", last: "x"}, next: end}]',
            f"    otherwise: {after}",
        ]
    lines += ["  end: {queue: sales, priority: 5, say: {en: Please hold., zh: 请稍候。}}"]
    return "\n".join(lines)


def call(flow: Flow, most: int) -> int:
    """Steps taken by one caller who presses 1 until the end, or until ``most``."""
    turn = start(flow, 0, {"guest": "Ann", "known": "yes"})
    taken = len(turn.steps)
    while not (turn.over or turn.enqueue) and taken < most:
        turn = advance(flow, turn.position, turn.variables, CallerInput(turn.position, "1"), 0)
        taken += len(turn.steps)
    return taken


def bare(flow: Flow, most: int) -> int:
    names = list(flow.steps)
    choices = {name: {"1": names[(n + 1) % len(names)]} for n, name in enumerate(names)}
    variables = {"guest": "Ann", "known": "yes", "last": "1", "language": "en"}
    name, taken = names[0], 0
    while taken < most:
        flow.steps[name]
        name = choices[name]["1"]
        variables = dict(variables)
        taken += 1
    return taken


def condition_call(flow: Flow, most: int) -> int:
    """Steps taken by a caller whom a condition leads on; each call is a say, a branch and an end."""
    return len(start(flow, 0, {"orders": "3", "tier": "gold"}).steps)


CONDITIONS = """
flow: bench
languages: {en: en-US}
facts: [orders, tier]
steps:
  hello: {say: Hello.}
  who: {branch: [{if: 'int(orders) > 2 && tier == "gold"', next: bye}]}
  bye: {hang_up: Bye.}
"""


def waiting(flow: Flow, most: int) -> int:
    """Ticks of a caller who waits, with their place and the time."""
    turn = start(flow, 0, {})
    for _ in range(most):
        facts = QueueFacts(3, 9, 60_000, 150_000, True, True)
        turn = advance(flow, turn.position, turn.variables, CallerInput(turn.position), 0, facts)
    return most


WAITING = """
flow: bench
languages: {en: en-US}
steps:
  wait: {queue: q, wait: {position: true, estimate: true, comfort: [Thank you for waiting.]}}
"""


def timed(do: Callable[[], int]) -> float:
    """CPU microseconds a step."""
    started = time.process_time()
    taken = 0
    while taken < CALLS_STEPS:
        taken += do()
    return (time.process_time() - started) * 1e6 / taken


def main() -> None:
    print(f"{'steps in the flow':>18} {'us a step':>10} {'steps/s':>10} {'floor us':>9} {'read in ms':>11}")
    cost = {}
    for size in (10, 100, 1_000):
        text = flow_of(size)
        began = time.process_time()
        flow = load(text, "bench.yaml")
        read_ms = (time.process_time() - began) * 1e3
        gc.collect()
        most = min(size, 100)
        pairs = [(timed(lambda: call(flow, most)), timed(lambda: bare(flow, 10_000))) for _ in range(ROUNDS)]  # noqa: B023
        ours, floor = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
        cost[size] = ours
        print(f"{size:18,} {ours:10.2f} {1e6 / ours:10,.0f} {floor:9.2f} {read_ms:11.1f}")
    for what, text, do in (("with a condition", CONDITIONS, condition_call), ("a tick of waiting", WAITING, waiting)):
        flow = load(text, "bench.yaml")
        print(f"{what:>18} {min(timed(lambda: do(flow, 100)) for _ in range(ROUNDS)):10.2f}")  # noqa: B023
    print(f"a hundred times the flow costs {cost[1_000] / cost[10]:.2f} times as much a step")


if __name__ == "__main__":
    main()
