"""A decision's explanation in sentences, as the console says them, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from contact_center.replaying.words import Language, duration

_SHARE = 10_000
"""Millionths in a percent."""

_REASONS: Mapping[str, tuple[str, str]] = {
    "chosen": ("chosen", "已选中"),
    "could_take_it": ("free to take it", "可以接"),
    "rings_too": ("it rings for them too", "同时向其响铃"),
    "not_chosen:served_before": ("somebody who served them before came first", "服务过对方的人优先"),
    "not_chosen:owner": ("the account's owner came first", "账户负责人优先"),
    "not_chosen:asked_for": ("somebody they asked for came first", "客户指名的人优先"),
    "not_chosen:preferred": ("somebody with more of the preferred skills came first", "优先技能更多的人优先"),
    "not_chosen:least_loaded": ("somebody with less in hand came first", "手上更少的人优先"),
    "not_chosen:most_loaded": ("somebody already at work came first", "已在工作的人优先"),
    "not_chosen:longest_idle": ("somebody free for longer came first", "空闲更久的人优先"),
    "not_chosen:most_skilled": ("somebody more skilled came first", "技能更强的人优先"),
    "not_chosen:least_skilled": ("is kept for harder cases", "留给更难的工作"),
    "not_chosen:weighed_together": (
        "kept for another case that was decided at the same time",
        "留给同时决定的另一工单",
    ),
    "not_chosen:agent_id": ("equal, and next in line", "条件相同，排在其后"),
    "directed_elsewhere": ("it is meant for {agent_id}", "指定由 {agent_id} 处理"),
    "cooling_down": ("missed it just now, is asked again at {until_at}", "刚刚未接，{until_at} 再询问"),
    "offline": ("offline", "离线"),
    "not_ready": ("not ready", "未就绪"),
    "wrap_up": ("in wrap-up", "话后整理中"),
    "unavailable": ("away: {reason}", "离开：{reason}"),
    "on_call": ("on a call", "通话中"),
    "no_capacity": ("has {load} of {capacity} of {medium}", "{medium}已有 {load}/{capacity}"),
    "no_total": (
        "no attention left: {load} of {capacity} taken, this takes {weight}",
        "余力不足：已占 {load}/{capacity}，此项需 {weight}",
    ),
    "no_label": ("has {load} of {capacity} of “{label}”", "“{label}”已有 {load}/{capacity}"),
    "missing_skill": ("{skill} {has}, needs {needed}", "{skill} 为 {has}，需要 {needed}"),
    "need_not_met": ("does not meet “{need}”", "不符合“{need}”"),
    "held_for_another": (
        "kept until {until_at} for those who know the customer",
        "在 {until_at} 前留给熟悉该客户的人",
    ),
    "agent_unknown": ("the agent {agent_id} is not in this hub", "指定的坐席 {agent_id} 不在本系统中"),
    "nobody_in_queue": ("nobody works in this queue", "该队列没有坐席"),
    "nobody_has_the_skills": (
        "none of {considered} in the queue has the skills",
        "队列中 {considered} 人都不具备所需技能",
    ),
    "nobody_meets_the_need": (
        "none of {considered} in the queue meets “{need}”",
        "队列中 {considered} 人都不符合“{need}”",
    ),
    "nobody_does_the_medium": (
        "{available} of those who could are there, but none of them does {medium}",
        "能处理的人中有 {available} 人在岗，但都不处理{medium}",
    ),
    "nobody_available": ("{able} could do it, none of them is available", "{able} 人能处理，但都不在岗"),
    "everyone_busy": ("all {available} available have their hands full", "在岗的 {available} 人都已满"),
    "held": (
        "kept until {until_at} for those who know the customer, who are at work",
        "在 {until_at} 前留给熟悉该客户的人，他们正忙",
    ),
    "relaxed": ("less is asked since it waited: step {step} of {steps}", "等待后已放宽要求：第 {step}/{steps} 步"),
    "relaxed_early": (
        "nobody there could ever have taken it, so less was asked at once: step {step} of {steps}",
        "在岗的人都无法处理，因此立即放宽要求：第 {step}/{steps} 步",
    ),
    "weighed_otherwise": (
        "{count} cases were weighed together; by its turn alone this one would have gone to {agent_id}",
        "{count} 个工单一并权衡；若只按顺序，此工单会分给 {agent_id}",
    ),
    "weighed_instead": (
        "{count} cases were weighed together; by turns alone nobody would have been left for this one",
        "{count} 个工单一并权衡；若只按顺序，已无人可处理此工单",
    ),
    "weighed_alike": (
        "{count} cases were weighed together; by its turn alone this one would have gone to the same agent",
        "{count} 个工单一并权衡；若只按顺序，此工单也会分给同一坐席",
    ),
    "weighed_in_vain": (
        "{count} cases and {agents} agents were weighed together; turns alone were as good, so they decided",
        "{count} 个工单与 {agents} 名坐席一并权衡；只按顺序同样好，因此按顺序分配",
    ),
    "weighed_more": (
        "in all, {count} more are served like this than by turns alone",
        "整体上，比只按顺序多服务 {count} 个工单",
    ),
    "weighed_better:known": (
        "in all, more customers get somebody who knows them, or knows them better",
        "整体上，更多客户由熟悉（或更熟悉）他们的人接待",
    ),
    "weighed_better:preferred": ("in all, more of the preferred skills are met", "整体上，优先技能得到更多满足"),
    "weighed_better:least_loaded": ("in all, it goes to agents with less in hand", "整体上，由手上工作更少的人处理"),
    "weighed_better:most_loaded": ("in all, more of the work is put together", "整体上，工作更集中"),
    "weighed_better:longest_idle": (
        "in all, it goes to agents who have been free for longer",
        "整体上，由空闲更久的人处理",
    ),
    "weighed_better:most_skilled": ("in all, it goes to agents of more skill", "整体上，由技能更强的人处理"),
    "weighed_better:least_skilled": (
        "in all, more of the skilled are kept for harder cases",
        "整体上，为更难的工作留下更多熟练的人",
    ),
    "weighed_better:served_lately": (
        "in all, customers get whom they spoke to more lately",
        "整体上，客户由最近联系过的人接待",
    ),
    "weighed_better:turn": (
        "as many are served as by turns alone, and more urgent ones",
        "服务的数量与只按顺序相同，但更紧急的先得到服务",
    ),
    "weighed_better:ring": ("in all, it rings for more agents", "整体上，同时向更多坐席响铃"),
    "kept_for_known": ("kept until {until_at} for those who know the customer", "在 {until_at} 前留给熟悉该客户的人"),
    "relaxes": ("less will be asked at {at}: step {step} of {steps}", "{at} 将放宽要求：第 {step}/{steps} 步"),
}
_MEDIA: Mapping[str, tuple[str, str]] = {
    "voice": ("calls", "电话"),
    "sms": ("SMS", "短信"),
    "email": ("e-mail", "邮件"),
    "chat": ("chat", "在线聊天"),
    "other": ("other work", "其他工作"),
}
_TERMS: Mapping[str, tuple[str, str]] = {
    "served_before_at": ("served them {value}", "{value} 服务过对方"),
    "share_taken": ("{value} % taken", "已占用 {value}%"),
    "idle_since_at": ("free for {value}", "空闲 {value}"),
    "preferred_points": ("{value} points for preferred skills", "优先技能 {value} 分"),
    "skill_points": ("{value} points of skill", "技能共 {value} 分"),
}
_LINES: Mapping[str, tuple[str, str]] = {
    "decided": (
        "{at}: {interaction} ({queue}, {medium}) was offered to {agents}.",
        "{at}：{interaction}（{queue}，{medium}）已分给 {agents}。",
    ),
    "waits": (
        "{at}: {interaction} ({queue}, {medium}) still waits.",
        "{at}：{interaction}（{queue}，{medium}）仍在等待。",
    ),
    "why": ("Because: {reasons}", "原因：{reasons}"),
    "policy": ("Policy {policy}. {considered} considered.", "策略 {policy}。共考虑 {considered} 人。"),
    "remark": ("{said}.", "{said}。"),
    "arm": ("Experiment {name}: it was {arm}'s turn.", "试验 {name}：当时由 {arm} 策略作决定。"),
    "place": ("{rank}. {name}: {reasons}", "{rank}. {name}：{reasons}"),
    "out": ("–  {name}: {reasons}", "–  {name}：{reasons}"),
    "more": ("… and {count} more.", "……另有 {count} 人。"),
}


def _pick(language: Language, words: tuple[str, str]) -> str:
    return words[0] if language == "en" else words[1]


def _value(language: Language, name: str, value: Any, zone: ZoneInfo) -> Any:
    if name.endswith("_at") or name == "at":
        return _clock(value, zone)
    if name == "medium":
        return _pick(language, _MEDIA[value]) if value in _MEDIA else value
    return value


def _clock(at: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(at / 1_000, zone).strftime("%Y-%m-%d %H:%M:%S")


def reason(language: Language, said: Mapping[str, Any], zone: ZoneInfo) -> str:
    """A reason in words; a code of another release as it is, with its values."""
    code, values = said["code"], said["values"]
    words = _REASONS.get(f"{code}:{values['by']}" if "by" in values else code)
    told = {name: _value(language, name, value, zone) for name, value in values.items()}
    if words is None:
        return f"{code} ({', '.join(f'{name}: {value}' for name, value in told.items())})" if told else code
    try:
        return _pick(language, words).format(**told)
    except KeyError:
        return _pick(language, words)


def _term(language: Language, name: str, value: Any, at: int, zone: ZoneInfo) -> str:
    words = _TERMS.get(name)
    if words is None:
        return f"{name}: {value}"
    if name == "share_taken":
        told: Any = f"{value / _SHARE:g}"
    elif name == "idle_since_at":
        told = duration(language, max(0, at - value))
    else:
        told = _value(language, name, value, zone)
    return _pick(language, words).format(value=told)


def explain(
    language: Language,
    record: Mapping[str, Any],
    zone: ZoneInfo,
    *,
    arm: tuple[str, str] | None = None,
    most: int = 20,
) -> list[str]:
    """The record of an explanation, in lines. ``arm`` is the experiment's name and whose turn it was. At most
    ``most`` agents are told of."""
    join = ", " if language == "en" else "，"
    chosen = record["chosen"]
    names = {each["agent_id"]: each["agent_name"] for each in record["candidates"]}
    about = {
        "at": _clock(record["at"], zone),
        "interaction": record["interaction_id"],
        "queue": record["queue"],
        "medium": record["medium"],
    }
    if chosen is None:
        lines = [_pick(language, _LINES["waits"]).format(**about)]
    else:
        agents = [chosen, *record.get("others", ())]
        told = join.join([names.get(each, each) for each in agents])
        lines = [_pick(language, _LINES["decided"]).format(**about, agents=told)]
    if record["summary"]:
        reasons = join.join([reason(language, each, zone) for each in record["summary"]])
        lines.append(_pick(language, _LINES["why"]).format(reasons=reasons))
    lines.append(_pick(language, _LINES["policy"]).format(**{key: record[key] for key in ("policy", "considered")}))
    for each in record.get("remarks", ()):
        told = reason(language, each, zone)
        lines.append(_pick(language, _LINES["remark"]).format(said=told[:1].upper() + told[1:]))
    if arm is not None:
        lines.append(_pick(language, _LINES["arm"]).format(name=arm[0], arm=arm[1]))
    for each in record["candidates"][:most]:
        said = [reason(language, one, zone) for one in each["reasons"]]
        said += [_term(language, name, value, record["at"], zone) for name, value in each["terms"].items() if value]
        words = _LINES["place" if each["eligible"] else "out"]
        lines.append(
            "  " + _pick(language, words).format(rank=each["rank"], name=each["agent_name"], reasons=join.join(said))
        )
    if (rest := record["considered"] - min(most, len(record["candidates"]))) > 0:
        lines.append("  " + _pick(language, _LINES["more"]).format(count=rest))
    return lines
