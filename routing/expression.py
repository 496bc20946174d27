"""What a piece of work asks of an agent, as people write it: ``billing >= 3 and (en or zh) and not trainee``.

::

    either = both ("or" both)*
    both   = one ("and" one)*
    one    = "not" one | "(" either ")" | "anybody" | "nobody" | agent | skill [comparison level]
    agent  = "agent" ":" id | "agent" "in" "(" id ("," id)* ")"

A level is 1 to 5; a skill alone is level 1. ``>``, ``<``, ``<=`` and ``=`` are other ways to say what ``>=`` and
``not`` can. Ids that are words of this language are written in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from routing.needs import ANYBODY, Every, Has, IsOne, Need, Not, Some

NOBODY = Some(())
LONGEST = 1_000
DEEPEST = 30
LEVELS = range(1, 6)

_WORDS = frozenset({"and", "or", "not", "anybody", "nobody", "agent", "in"})
_ID = re.compile(r"[a-z0-9][a-z0-9._-]*")
_TOKEN = re.compile(
    r"\s*(?:(?P<word>[a-z0-9][a-z0-9._-]*)|(?P<quoted>\"[^\"]*\"|'[^']*')|(?P<sign>>=|<=|==|=>|=<|[><=≥≤():,（），：]))"
)
_SAME = {"≥": ">=", "≤": "<=", "==": "=", "（": "(", "）": ")", "，": ",", "：": ":"}
_MEANT = {"&": "and", "|": "or", "!": "not", "+": "and", "=>": ">=", "=<": "<="}


class NotReadable(ValueError):
    """``at`` is the character, counted from 0, where the text stops making sense."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


class _Token(NamedTuple):
    text: str
    at: int
    kind: str


def read_need(text: str) -> Need:
    """Raises :class:`NotReadable`. What is said twice over is said once: ``not not x`` is ``x``, and an ``and`` in an
    ``and`` is one ``and``."""
    if len(text) > LONGEST:
        raise NotReadable(f"is longer than {LONGEST} characters", LONGEST)
    return _Reading(list(_tokens(text))).whole()


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            wrong = at + len(text[at:]) - len(text[at:].lstrip())
            raise NotReadable(_not_a_word(text[wrong]), wrong)
        kind = match.lastgroup or ""
        found = match[kind]
        at = match.end()
        if found in _MEANT:
            raise NotReadable(f"{found!r} is written {_MEANT[found]!r} here", match.start(kind))
        yield _Token(_SAME.get(found, found), match.start(kind), kind)
    yield _Token("", end, "end")


def _not_a_word(sign: str) -> str:
    if sign in _MEANT:
        return f"{sign!r} is written {_MEANT[sign]!r} here"
    if sign.isalpha() and sign.lower() != sign:
        return f"{sign!r} is a capital: skills, agents and the words and, or, not are in small letters"
    if sign.isalpha():
        return f"{sign!r} is no letter of an id: skills and agents are of a-z, 0-9, '.', '_' and '-'"
    return f"{sign!r} means nothing here"


class _Reading:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    @property
    def _here(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._here
        self._next += 1
        return token

    def _takes(self, text: str) -> bool:
        """Whether the next is this word or sign; then it is read."""
        if self._here.text == text and self._here.kind in ("word", "sign"):
            self._next += 1
            return True
        return False

    def whole(self) -> Need:
        if self._here.kind == "end":
            raise NotReadable("says nothing: leave it out, or write 'anybody'", 0)
        need = self._either()
        if self._here.kind != "end":
            raise NotReadable(self._too_much(), self._here.at)
        return need

    def _too_much(self) -> str:
        token = self._here
        if token.text == ")":
            return "a ')' without its '('"
        if token.text in (",", ":"):
            return f"{token.text!r} makes no sense here; two needs are joined by 'and' or 'or'"
        return f"expected 'and' or 'or' before {token.text!r}"

    def _either(self) -> Need:
        found = [self._both()]
        while self._takes("or"):
            found.append(self._both())
        return some(found)

    def _both(self) -> Need:
        found = [self._one()]
        while self._takes("and"):
            found.append(self._one())
        return every(found)

    def _one(self) -> Need:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotReadable(f"is nested deeper than {DEEPEST}", self._here.at)
        need = self._some_one()
        self._depth -= 1
        return need

    def _some_one(self) -> Need:
        token = self._take()
        if token.kind == "quoted":
            return self._skill(token.text[1:-1], token.at)
        match token.text:
            case "not":
                return negated(self._one())
            case "(":
                need = self._either()
                if not self._takes(")"):
                    raise NotReadable(f"the '(' at character {token.at + 1} is never closed", self._here.at)
                return need
            case "anybody":
                return ANYBODY
            case "nobody":
                return NOBODY
            case "agent":
                return self._agent()
            case text if token.kind == "word" and text not in _WORDS:
                return self._skill(text, token.at)
        raise NotReadable(_expected(token), token.at)

    def _agent(self) -> Need:
        if self._takes(":"):
            return IsOne(frozenset({self._id()}))
        if not self._takes("in"):
            raise NotReadable("an agent is written agent:mei, several are agent in (mei, jonas)", self._here.at)
        if not self._takes("("):
            raise NotReadable("expected '(' and the agents after 'agent in'", self._here.at)
        ids = {self._id()}
        while self._takes(","):
            ids.add(self._id())
        if not self._takes(")"):
            raise NotReadable("expected ',' or ')' after the agent", self._here.at)
        return IsOne(frozenset(ids))

    def _id(self) -> str:
        token = self._take()
        if token.kind == "quoted":
            return token.text[1:-1]
        if token.kind != "word":
            raise NotReadable("expected an agent's id", token.at)
        return token.text

    def _skill(self, skill: str, at: int) -> Need:
        if not _ID.fullmatch(skill):
            raise NotReadable(f"{skill!r} is no skill", at)
        sign = self._here
        if sign.kind != "sign" or sign.text not in (">=", ">", "<", "<=", "="):
            return Has(skill)
        self._take()
        level = self._level()
        match sign.text:
            case ">=":
                return _at_least(skill, level, sign.at)
            case ">":
                return _at_least(skill, level + 1, sign.at)
            case "<":
                return negated(_at_least(skill, level, sign.at))
            case "<=":
                return negated(_at_least(skill, level + 1, sign.at))
        if level == LEVELS[-1]:
            return Has(skill, level)
        return every([_at_least(skill, level, sign.at), negated(Has(skill, level + 1))])

    def _level(self) -> int:
        token = self._take()
        if not re.fullmatch(r"[0-9]", token.text):
            raise NotReadable("expected a level from 1 to 5", token.at)
        return int(token.text)


def _expected(token: _Token) -> str:
    if token.kind == "end":
        return "ends where a skill is expected"
    return f"expected a skill, not {token.text!r}"


def _at_least(skill: str, level: int, at: int) -> Need:
    if level not in LEVELS:
        raise NotReadable("levels go from 1 to 5", at)
    return Has(skill, level)


def every(needs: list[Need]) -> Need:
    """All of these, as one."""
    flat: list[Need] = []
    for need in needs:
        flat += need.of if isinstance(need, Every) else [need]
    return flat[0] if len(flat) == 1 else Every(tuple(flat))


def some(needs: list[Need]) -> Need:
    """One of these, as one."""
    flat: list[Need] = []
    for need in needs:
        flat += need.of if isinstance(need, Some) else [need]
    return flat[0] if len(flat) == 1 else Some(tuple(flat))


def negated(need: Need) -> Need:
    return need.of if isinstance(need, Not) else Not(need)


# --- and back ------------------------------------------------------------------------------------------------------


def written(need: Need) -> str:
    """The need as text that reads back as what it means."""
    need = _alone(need)
    match need:
        case Has(skill, level):
            name = skill if skill not in _WORDS else f'"{skill}"'
            return name if level == 1 else f"{name} >= {level}"
        case IsOne(agent_ids):
            return _written_agents(sorted(agent_ids))
        case Every(()):
            return "anybody"
        case Some(()):
            return "nobody"
        case Every(of):
            return " and ".join(_inside(each, Some) for each in of)
        case Some(of):
            return " or ".join(written(each) for each in of)
        case Not(of):
            return "not " + _inside(of, Every, Some)


def _alone(need: Need) -> Need:
    """Of all or one of a single need, that need."""
    while isinstance(need, (Every, Some)) and len(need.of) == 1:
        need = need.of[0]
    return need


def _inside(need: Need, *parted: type) -> str:
    """In parentheses if it is one of ``parted``, and of several parts."""
    need = _alone(need)
    text = written(need)
    return f"({text})" if isinstance(need, parted) and isinstance(need, (Every, Some)) and need.of else text


def _written_agents(agent_ids: list[str]) -> str:
    if not agent_ids:
        return "nobody"
    if len(agent_ids) == 1:
        return f"agent:{agent_ids[0]}"
    return f"agent in ({', '.join(agent_ids)})"


# --- what can be said of a need without knowing anybody ------------------------------------------------------------


def skills_in(need: Need) -> dict[str, int]:
    """Every skill that the need names, with the highest level that it names."""
    found: dict[str, int] = {}
    for atom in _atoms(need):
        if isinstance(atom, Has):
            found[atom.skill] = max(atom.level, found.get(atom.skill, 0))
    return found


def agents_in(need: Need) -> frozenset[str]:
    return frozenset(agent_id for atom in _atoms(need) if isinstance(atom, IsOne) for agent_id in atom.agent_ids)


def _atoms(need: Need) -> Iterator[Has | IsOne]:
    match need:
        case Has() | IsOne():
            yield need
        case Every(of) | Some(of):
            for each in of:
                yield from _atoms(each)
        case Not(inner):
            yield from _atoms(inner)


def lowered(need: Need, to: Mapping[str, int], asked: bool = True) -> Need:
    """The need with less of the skills in ``to`` (0: not asked for at all). What it rules out (``not trainee``) stays
    ruled out, unless the skill is not asked about at all any more."""
    match need:
        case Has(skill, level):
            least = to.get(skill, level)
            if least <= 0:
                return ANYBODY if asked else NOBODY
            return Has(skill, min(level, least)) if asked else need
        case IsOne():
            return need
        case Every(of):
            return _every_but([lowered(each, to, asked) for each in of])
        case Some(of):
            return _some_but([lowered(each, to, asked) for each in of])
        case Not(inner):
            less = lowered(inner, to, not asked)
            return ANYBODY if less == NOBODY else NOBODY if less == ANYBODY else negated(less)


def _every_but(needs: list[Need]) -> Need:
    if NOBODY in needs:
        return NOBODY
    return every([need for need in needs if need != ANYBODY])


def _some_but(needs: list[Need]) -> Need:
    if ANYBODY in needs:
        return ANYBODY
    return some([need for need in needs if need != NOBODY])


_TRIES = 5_000
"""How many ways of meeting a need are gone through before it is believed to have one."""


def can_be_met(need: Need) -> bool:
    """Whether anybody could be imagined who meets it. A need with too many cases to go through is believed."""
    return _Imagined().meets([(need, True)])


def covers(wide: Need, narrow: Need) -> bool:
    """Whether everybody who meets ``narrow`` meets ``wide``."""
    return not can_be_met(Every((narrow, Not(wide))))


class _Imagined:
    """Somebody whose skills are known within bounds, and who they may be (None: anybody but ``others``)."""

    def __init__(self) -> None:
        self._tries = 0
        self._least: dict[str, int] = {}
        self._most: dict[str, int] = {}
        self._one_of: frozenset[str] | None = None
        self._none_of: frozenset[str] = frozenset()

    def meets(self, open_: list[tuple[Need, bool]]) -> bool:
        """Whether all that is open, asked for (True) or ruled out (False), can be so at once."""
        self._tries += 1
        if self._tries > _TRIES or not open_:
            return True
        (need, asked), rest = open_[-1], open_[:-1]
        match need:
            case Not(of):
                return self.meets([*rest, (of, not asked)])
            case Every(parts) | Some(parts):
                if asked == isinstance(need, Every):
                    return self.meets([*rest, *((part, asked) for part in parts)])
                return any(self.meets([*rest, (part, asked)]) for part in parts)
            case Has():
                return self._with_level(need, asked, rest)
            case IsOne(agent_ids):
                return self._as_one(agent_ids, asked, rest)

    def _with_level(self, need: Has, asked: bool, rest: list[tuple[Need, bool]]) -> bool:
        bounds, level = (self._least, need.level) if asked else (self._most, need.level - 1)
        before = bounds.get(need.skill)
        if before is None or (level > before if asked else level < before):
            bounds[need.skill] = level
        fits = self._least.get(need.skill, 0) <= self._most.get(need.skill, LEVELS[-1])
        found = fits and self.meets(rest)
        if before is None:
            del bounds[need.skill]
        else:
            bounds[need.skill] = before
        return found

    def _as_one(self, agent_ids: frozenset[str], asked: bool, rest: list[tuple[Need, bool]]) -> bool:
        before = self._one_of, self._none_of
        if asked:
            self._one_of = agent_ids if self._one_of is None else self._one_of & agent_ids
        else:
            self._none_of |= agent_ids
        found = (self._one_of is None or bool(self._one_of - self._none_of)) and self.meets(rest)
        self._one_of, self._none_of = before
        return found
