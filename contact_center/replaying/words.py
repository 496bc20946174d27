"""What reports and explanations say, in English and Chinese. ``{}`` are put in by name."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from contact_center.domain.time import Moment

Language = Literal["en", "zh"]

WORDS: dict[str, tuple[str, str]] = {
    # --- figures
    "came": ("Cases that came", "到来的个案"),
    "answered": ("Answered", "已应答"),
    "service_level": ("Service level", "服务水平"),
    "mean_wait": ("Waiting, mean", "平均等待"),
    "p50_wait": ("Waiting, half of all within (P50)", "等待中位数 (P50)"),
    "p90_wait": ("Waiting, 9 of 10 within (P90)", "九成等待不超过 (P90)"),
    "longest_wait": ("Waiting, the longest", "最长等待"),
    "abandonment": ("Left before an answer", "应答前离开"),
    "waiting": ("Still waiting at the end", "结束时仍在等待"),
    "occupancy": ("Occupancy", "坐席占用率"),
    "fairness": ("Evenness of work (Jain)", "工作均匀度 (Jain)"),
    "missed": ("Missed offers", "错过的邀约"),
    "away": ("Agents taken to be away", "被视为离开的坐席"),
    "moved_on": ("Sent on to another queue", "转入其他队列"),
    "rejected": ("rejected", "拒绝"),
    "no_answer": ("not answered", "未接听"),
    "busy": ("telephone busy", "话机占线"),
    "cases": ("Cases", "个案"),
    "agent": ("Agent", "坐席"),
    # --- columns
    "real": ("The day as it was", "实际的一天"),
    "recorded": ("Simulated, policy in force", "模拟：当时的策略"),
    "other": ("Simulated, {label}", "模拟：{label}"),
    "day": ("{label}", "{label}"),
    "difference": ("Difference", "差异"),
    "better": ("better", "更好"),
    "worse": ("worse", "更差"),
    "differs": (
        "{what}: {after} instead of {before}, {by} {verdict}.",
        "{what}：由 {before} 变为 {after}，相差 {by}，{verdict}。",
    ),
    "differs_in": (
        "{what} in {queue}: {after} instead of {before}, {by} {verdict}.",
        "{queue} 的{what}：由 {before} 变为 {after}，相差 {by}，{verdict}。",
    ),
    "nothing_differs": (
        "In none of the figures does it make a difference worth speaking of.",
        "各项数字均无值得一提的差异。",
    ),
    # --- titles
    "replay_title": ("The same day under another policy", "同一天，换一种策略"),
    "simulate_title": ("A day that never was", "模拟的一天"),
    "all_queues": ("All queues", "全部队列"),
    "queue": ("Queue {queue}, target {target}", "队列 {queue}，目标 {target}"),
    "by_agent": ("By agent", "按坐席"),
    "assumptions": ("What this rests on", "本报告的前提"),
    "between": ("{first} to {last}", "{first} 至 {last}"),
    "drawn_between": ("{days} × {first} to {last}", "{days} × {first} 至 {last}"),
    "sure": (
        "{what}: the difference lies between {low} and {high} (95 %, {trials} trials).",
        "{what}：差异在 {low} 与 {high} 之间 (95 %，{trials} 次试验)。",
    ),
    "unsure": (
        "{what}: the difference lies between {low} and {high} (95 %, {trials} trials): it may be none at all.",
        "{what}：差异在 {low} 与 {high} 之间 (95 %，{trials} 次试验)：可能并无差异。",
    ),
    "experiment": (
        "Experiment {name}: a is the policy in force ({a}), b the one under trial ({b}).",
        "试验 {name}：a 为现行策略（{a}），b 为试用策略（{b}）。",
    ),
    "blocks": ("Blocks of time", "时间段"),
    "difference_between": ("b less a (95 %)", "b 减 a (95 %)"),
    "between_ends": ("{mean} ({low} to {high})", "{mean}（{low} 至 {high}）"),
    "nobody_can_say": ("nobody can say yet", "尚无法判断"),
    "surely": ("surely different", "差异可信"),
    "perhaps": ("may be none at all", "可能并无差异"),
    "not_counted": (
        "{count} cases came just after a switch, or in a block without its counterpart, and are not counted.",
        "{count} 个个案在切换之后不久到来，或所在时间段没有对照，未计入。",
    ),
    "def_experiment": (
        "All agents go by one policy at a time, in blocks of time that are drawn; a block is one trial. In the "
        "figures blocks count alike, however many cases came in them.",
        "全体坐席在同一时间只按一种策略工作，时间段随机分配，每段为一次试验。各时间段权重相同，与其中个案数无关。",
    ),
    "chart_level": ("Service level by queue (%)", "各队列服务水平 (%)"),
    "chart_waits": ("Answered within … (% of all that came)", "在……之内应答 (占全部到来的百分比)"),
    "chart_time": ("Service level through the day (%)", "一天中的服务水平 (%)"),
    "chart_agents": ("Occupancy by agent (%)", "各坐席占用率 (%)"),
    "no_data": ("Nothing came.", "没有到来的个案。"),
    # --- definitions and assumptions
    "def_level": (
        "Service level: cases answered within their queue's target, of all that came between the two moments.",
        "服务水平：在这段时间内到来的全部个案中，于所属队列目标时间之内应答的比例。",
    ),
    "def_wait": (
        "Waiting: from coming into the queue until the answer, or until the customer left. Who still waited at the "
        "end is not in it.",
        "等待：从进入队列到应答，或到客户离开为止；结束时仍在等待的不计入。",
    ),
    "def_occupancy": (
        "Occupancy: the share of the time agents were there in which they had something in hand. Evenness: Jain's "
        "index of the agents' occupancies; 1 is the same for all.",
        "坐席占用率：在岗时间中手上有工作的比例。均匀度：各坐席占用率的 Jain 指数，1 表示完全相同。",
    ),
    "as_recorded": (
        "Taken over as it was: when each case came and what it needed, how long it was in hand once accepted (with "
        "wrap-up), when customers left, and when each agent was there with which skills and capacity.",
        "照实沿用：每个个案何时到来、需要什么，接受之后处理了多久（含话后处理），客户何时离开，以及每位坐席何时在岗、具备哪些技能和容量。",
    ),
    "answering": (
        "Offers are accepted or missed as each agent did on the day ({own} agents; of whom fewer than {enough} "
        "offers are known, as the house did), for the same causes and after as long: {told}. The luck of a case's "
        "first, second, … offer is the same under each policy. Who let one ring out would have however long it rang.",
        "邀约按每位坐席当天的表现接受或错过（{own} 位坐席；已知邀约少于 {enough} 次的按全体表现），"
        "原因与时长相同：{told}。"
        "个案的第一次、第二次……邀约在各策略下运气相同。当时未接听的，响得再久也不会接听。",
    ),
    "answering_of": (
        "{medium}: accepted after {answer} (half of them), missed {missed}",
        "{medium}：一半在 {answer} 内接受，错过 {missed}",
    ),
    "nothing_missed": ("none", "无"),
    "away_known": (
        "Who misses as many in a row as the policy says is taken to be away, for as long as others were on the day "
        "({count} times; half of them for more than {time}).",
        "连续错过达到策略所定次数的坐席被视为离开，时长取自当天实际情形（{count} 次；一半超过 {time}）。",
    ),
    "away_unknown": (
        "Who misses as many in a row as the policy says is taken to be away for {time}: on the day nobody was.",
        "连续错过达到策略所定次数的坐席被视为离开 {time}：当天没有这种情形。",
    ),
    "rules": (
        "Work goes on from {queues} by the rules of each policy. Opening hours are those in force now, unless the "
        "policy's file names its own; service level and time to wait, where a rule asks for them, are the simulated "
        "day's. Time to wait is reckoned as the hub does, but from how long handling, ringing and patience were on "
        "this day: the two weeks before, by which the hub goes, are not in what was kept of it.",
        "{queues} 的工作按各策略的规则转入其他队列。营业时间为现行设置，除非策略文件另有规定；"
        "规则所问的服务水平与等待时间取自模拟的一天。等待时间的算法与系统相同，但处理、振铃与耐心时长取自当天："
        "系统所依据的此前两周不在当天的记录之中。",
    ),
    "not_simulated": (
        "Not simulated: what customers do by themselves after they left (ringing again), and what agents and "
        "supervisors do past routing.",
        "未模拟：客户离开之后自行采取的行为（再次来电），以及坐席和主管绕过路由的操作。",
    ),
    "patience": (
        "Customers who were answered would have left at some time: {queue} ({medium}): {gave_up} of {seen} left; "
        "estimated by the product-limit (Kaplan–Meier), beyond the last who left by a constant rate (mean {mean}).",
        "已应答的客户本来也可能离开：{queue}（{medium}）：{seen} 位中有 {gave_up} 位离开；"
        "按乘积极限法 (Kaplan–Meier) 估计，最后一位离开者之后按恒定速率（均值 {mean}）。",
    ),
    "patience_none": (
        "{queue} ({medium}): nobody of {seen} left, so nobody leaves in the simulation either.",
        "{queue}（{medium}）：{seen} 位中无人离开，模拟中也无人离开。",
    ),
    "callbacks": (
        "Who leaves is called back as on the day, at their place in the queue: {count} of {left} who left were owed "
        "a call, {reached} were reached, by {attempts} attempts. Who is answered before they leave is owed none; who "
        "leaves in the simulation alone is owed one as often, and it goes as one of those went, drawn.",
        "离开的客户按当天情形在原位置获得回拨：{left} 位离开者中有 {count} 位应回拨，"
        "共拨打 {attempts} 次，接通 {reached} 位。"
        "离开之前已应答的不再回拨；仅在模拟中离开的，按同样比例回拨，过程随机取自当天的回拨。",
    ),
    "still_open": (
        "{count} cases were still in hand at the end; they count as finished at the last moment.",
        "结束时仍有 {count} 个个案在处理中，按最后时刻结束计算。",
    ),
    "moved": (
        "{count} cases were moved to another queue by somebody while they waited; in the simulation they come there "
        "at once.",
        "{count} 个个案在等待中由人转入了别的队列；模拟中它们直接进入该队列。",
    ),
    "policies": (
        "{count} policies were in force on the day ({versions}); the simulation uses {most}, under which most was "
        "decided.",
        "当天有 {count} 个策略生效（{versions}）；模拟采用作出决定最多的 {most}。",
    ),
    "handling_unknown": (
        "A case that nobody took on the day takes, if somebody takes it now, as long as one like it took.",
        "当天无人处理的个案，若在模拟中被接受，处理时长取自同类个案。",
    ),
    "same_chance": (
        "Whatever is drawn is drawn alike for all policies (seed {seed}), so the columns differ by the policy alone.",
        "所有随机量对各策略相同（种子 {seed}），因此各列只因策略而不同。",
    ),
    "synthetic": (
        "All of this is drawn: arrivals by a Poisson process, handling and patience by the spreads in the file.",
        "以上均为随机生成：到来服从泊松过程，处理时长与耐心按文件所述分布。",
    ),
    "compare_simulated": (
        "Compare simulated with simulated: the real day has what no simulation has.",
        "请将模拟与模拟相比：实际的一天总有模拟所没有的情形。",
    ),
}


def say(language: Language, code: str, **values: object) -> str:
    """The words for ``code``."""
    english, chinese = WORDS[code]
    return (english if language == "en" else chinese).format(**values)


def duration(language: Language, ms: float) -> str:
    """``1:05``, ``2:03:10``; under a minute in seconds."""
    seconds = round(ms / 1_000, 1)
    if seconds < 60:
        return f"{seconds:g} s" if language == "en" else f"{seconds:g} 秒"
    whole = round(seconds)
    hours, rest = divmod(whole, 3_600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def moment(at: Moment, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at / 1_000, zone).strftime("%Y-%m-%d %H:%M")
