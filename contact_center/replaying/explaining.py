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
    "not_chosen:agent_id": ("equal in everything, and later by id", "条件完全相同，按编号排在其后"),
    "directed_elsewhere": ("it is meant for {agent_id}", "指定由 {agent_id} 处理"),
    "cooling_down": (
        "has just missed or declined it, is asked again at {until_at}",
        "刚刚未接或谢绝，{until_at} 再询问",
    ),
    "kept_for_known": (
        "it is kept until {until_at} for those who know the customer",
        "在 {until_at} 前留给熟悉该客户的人",
    ),
    "offline": ("offline", "离线"),
    "not_ready": ("not ready", "未就绪"),
    "wrap_up": ("in wrap-up", "话后整理中"),
    "unavailable": ("away: {reason}", "离开：{reason}"),
    "on_call": ("on a call, or one is ringing", "通话中或正在响铃"),
    "no_capacity": ("hands full: {load} of {capacity} {medium}", "{medium}已满（{load}/{capacity}）"),
    "not_done": ("does no {medium}", "不处理{medium}"),
    "no_total": (
        "no attention left: {load} of {capacity} taken, this takes {weight}",
        "余力不足：已占 {load}/{capacity}，此项需 {weight}",
    ),
    "no_label": ("has {load} of {capacity} of “{label}”", "“{label}”已有 {load}/{capacity}"),
    "missing_skill": ("{skill} {has}, needs {needed}", "{skill} 为 {has}，需要 {needed}"),
    "skill_lacking": ("no {skill}, needs {needed}", "没有 {skill}，需要 {needed}"),
    "need_not_met": ("does not meet “{need}”", "不符合“{need}”"),
    "held_for_another": (
        "kept until {until_at} for those who know the customer",
        "在 {until_at} 前留给熟悉该客户的人",
    ),
    "agent_unknown": ("the agent {agent_id} is not in this hub", "指定的坐席 {agent_id} 不在本系统中"),
    "nobody_in_queue": ("nobody works in this queue", "该队列没有坐席"),
    "nobody_has_the_skills": (
        "none of the {considered} agents in the queue has the skills that it needs",
        "队列中 {considered} 位坐席都不具备所需技能",
    ),
    "nobody_meets_the_need": (
        "none of the {considered} agents in the queue meets “{need}”",
        "队列中 {considered} 位坐席都不符合“{need}”",
    ),
    "nobody_does_the_medium": (
        "{available} agents have what it needs and are there, but none of them does {medium}",
        "符合要求的人中有 {available} 人在岗，但都不处理{medium}",
    ),
    "nobody_available": (
        "{able} agents have what it needs, and none of them is available",
        "有 {able} 人符合要求，但都不在岗",
    ),
    "everyone_busy": (
        "all {available} agents who could take it have their hands full",
        "能处理的 {available} 人手上都已满",
    ),
    "free": ("{count} agents could take it: it is being decided", "有 {count} 人可以接，正在决定"),
    "cools": (
        "whoever is free has just missed or declined it; it is offered to them again at {until_at}",
        "空闲的人刚刚未接或谢绝，{until_at} 再派给他们",
    ),
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
        "{count} cases were weighed together; by its turn alone this one would have gone to {agent}",
        "{count} 个工单一并权衡；若只按顺序，此工单会分给 {agent}",
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
    "relaxes": ("less will be asked at {at}: step {step} of {steps}", "{at} 将放宽要求：第 {step}/{steps} 步"),
}
_OF_ONE: Mapping[str, tuple[str, str]] = {
    "nobody_has_the_skills": (
        "the one agent in the queue lacks a skill that it needs",
        "队列中唯一的坐席缺少所需技能",
    ),
    "nobody_meets_the_need": ("the one agent in the queue does not meet “{need}”", "队列中唯一的坐席不符合“{need}”"),
    "nobody_does_the_medium": (
        "the one agent who has what it needs and is there does no {medium}",
        "符合要求且在岗的只有 1 人，但不处理{medium}",
    ),
    "nobody_available": ("the one agent who has what it needs is not available", "只有 1 人符合要求，但不在岗"),
    "everyone_busy": ("the one agent who could take it has their hands full", "唯一能处理的人手上已满"),
    "free": ("one agent could take it: it is being decided", "有 1 人可以接，正在决定"),
}
_OF_ALL = {"could_take_it": "free", "cooling_down": "cools"}
"""Codes that mean another thing of all who were considered than of one of them."""
_COUNTS = ("count", "able", "available", "considered")
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
    "given": (
        "{at}: {interaction} ({queue}, {medium}) was given to {agents} by hand: “{reason}”.",
        "{at}：{interaction}（{queue}，{medium}）已手动派给 {agents}：“{reason}”。",
    ),
    "taken": (
        "{at}: {agents} took {interaction} ({queue}, {medium}) by hand: “{reason}”.",
        "{at}：{agents} 手动接走 {interaction}（{queue}，{medium}）：“{reason}”。",
    ),
    "over": ("That was past what they may have at once.", "此次超出其同时可处理的数量。"),
    "knew": ("Routing did not choose. What it knew then:", "此次不是路由的选择。以下是路由当时所知："),
    "added": ("Its words added: {what}.", "其内容带来的要求：{what}。"),
    "priority": ("priority {n}", "优先级 {n}"),
    "queue": ("the queue {queue}", "队列 {queue}"),
    "why": ("Because {reasons}.", "原因：{reasons}。"),
    "remark": ("{said}.", "{said}。"),
    "policy": ("Policy {policy}. {considered} considered.", "策略 {policy}。共考虑 {considered} 人。"),
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


def reason(
    language: Language, said: Mapping[str, Any], zone: ZoneInfo, names: Mapping[str, str] | None = None
) -> str:
    """A reason in words; a code of another release as it is, with its values. ``names`` are agents' by their ids."""
    code, values = said["code"], said["values"]
    words = _words(code, values)
    told = {name: _value(language, name, value, zone) for name, value in values.items()}
    if words is None:
        return f"{code} ({', '.join(f'{name}: {value}' for name, value in told.items())})" if told else code
    if "agent_id" in values:
        told["agent_id"] = told["agent"] = (names or {}).get(values["agent_id"], values["agent_id"])
    try:
        return _pick(language, words).format(**told)
    except KeyError:
        return _pick(language, words)


def _words(code: str, values: Mapping[str, Any]) -> tuple[str, str] | None:
    if code == "no_capacity" and values.get("capacity") == 0:
        return _REASONS["not_done"]
    if code == "missing_skill" and values.get("has") == 0:
        return _REASONS["skill_lacking"]
    if next((values[name] for name in _COUNTS if name in values), 0) == 1 and code in _OF_ONE:
        return _OF_ONE[code]
    return _REASONS.get(f"{code}:{values['by']}" if "by" in values else code)


def _of_all(said: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"code": _OF_ALL.get(said["code"], said["code"]), "values": said["values"]}


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
    join = "; " if language == "en" else "；"
    names = {each["agent_id"]: each["agent_name"] for each in record["candidates"]}
    lines = _what(language, record, names, zone)
    if record["summary"] and not record.get("overridden"):
        reasons = join.join([reason(language, _of_all(each), zone, names) for each in record["summary"]])
        lines.append(_pick(language, _LINES["why"]).format(reasons=reasons))
    lines += _special(language, record, names, zone)
    lines.append(_pick(language, _LINES["policy"]).format(**{key: record[key] for key in ("policy", "considered")}))
    for each in record.get("remarks", ()):
        told = reason(language, each, zone)
        lines.append(_pick(language, _LINES["remark"]).format(said=told[:1].upper() + told[1:]))
    if arm is not None:
        lines.append(_pick(language, _LINES["arm"]).format(name=arm[0], arm=arm[1]))
    if record.get("overridden"):
        lines.append(_pick(language, _LINES["knew"]))
    for each in record["candidates"][:most]:
        terms = {name: value for name, value in each["terms"].items() if _says_something(name, value, record["at"])}
        said = [reason(language, one, zone, names) for one in each["reasons"]]
        said += [_term(language, name, value, record["at"], zone) for name, value in terms.items()]
        words = _LINES["place" if each["eligible"] else "out"]
        lines.append(
            "  " + _pick(language, words).format(rank=each["rank"], name=each["agent_name"], reasons=join.join(said))
        )
    if (rest := record["considered"] - min(most, len(record["candidates"]))) > 0:
        lines.append("  " + _pick(language, _LINES["more"]).format(count=rest))
    return lines


def _says_something(name: str, value: int, at: int) -> bool:
    """Nothing in hand, and no time without work, are not worth a word."""
    return bool(value) and not (name == "idle_since_at" and at - value < 1_000)


def _what(language: Language, record: Mapping[str, Any], names: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    """Who has it, or that it waits."""
    given = record.get("overridden")
    who = [given["agent_id"]] if given else [record["chosen"], *record.get("others", ())]
    if given:
        names = {**names, given["agent_id"]: given["agent_name"]}
        line = "taken" if given["by"] == given["agent_id"] else "given"
    else:
        line = "waits" if record["chosen"] is None else "decided"
    told = _pick(language, _LINES[line]).format(
        at=_clock(record["at"], zone),
        interaction=record["interaction_id"],
        queue=record["queue"],
        medium=_value(language, "medium", record["medium"], zone),
        agents=(", " if language == "en" else "、").join(names.get(each, str(each)) for each in who),
        reason=given["reason"] if given else "",
    )
    return [told, _pick(language, _LINES["over"])] if given and given["over_capacity"] else [told]


def _special(language: Language, record: Mapping[str, Any], names: Mapping[str, str], zone: ZoneInfo) -> list[str]:
    """What its words added, and what else was out of the ordinary, in a sentence each."""
    lines = []
    seen = record.get("recognised") or {}
    skills = {**seen.get("skills", {}), **seen.get("language_skills", {})}
    added = [f"{skill} ≥ {level}" for skill, level in skills.items()]
    added += [_pick(language, _LINES["priority"]).format(n=seen["priority"])] if seen.get("priority") else []
    added += [_pick(language, _LINES["queue"]).format(queue=seen["queue"])] if seen.get("queue") else []
    if added:
        what = (", " if language == "en" else "、").join(added)
        lines.append(_pick(language, _LINES["added"]).format(what=what))
    for each in record.get("remarks", ()):
        said = reason(language, each, zone, names)
        lines.append(_pick(language, _LINES["remark"]).format(said=said[:1].upper() + said[1:]))
    return lines
