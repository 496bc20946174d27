"""The operator's text: read from one file or several, with the place where everything stands in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import yaml

Path_: TypeAlias = Sequence[str | int]
LARGEST = 8_000_000
MOST_NODES = 2_000_000
"""With what its anchors repeat: a short file can say very much."""

_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")
_MARKED = re.compile("\ue000([A-Z][A-Z0-9_]*)\ue001\ue001")
"""What stands for a variable while YAML is read, to which ``{`` means something; as long, so that columns stay."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ConfigError(Exception):
    """The file cannot be used; ``problems`` are sentences that say where and why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Place(NamedTuple):
    """Where something stands: lines and columns count from 1, as editors do."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class _Part(NamedTuple):
    file: str
    node: yaml.MappingNode


@dataclass(slots=True)
class Text:
    """``data`` is what the files say together. Lists of several files follow one another."""

    data: dict[str, Any] = field(default_factory=dict)
    parts: list[_Part] = field(default_factory=list)

    def place(self, path: Path_, offset: int = 0) -> Place | None:
        """Where the value at ``path`` stands, ``offset`` characters into it; of what isn't there, the nearest that it
        would be in."""
        part, node, rest = self._top(path)
        if part is None or node is None:
            return None
        key: yaml.Node | None = None
        for step in rest:
            found = _below(node, step)
            if found is None:
                break
            key, node = found
        if key is not None and not isinstance(node, yaml.ScalarNode):
            return _place_of(part.file, key)
        return _place_of(part.file, node, offset)

    def _top(self, path: Path_) -> tuple[_Part | None, yaml.Node | None, Path_]:
        """The file that has it, and what is still to be looked up in it."""
        if not path:
            return None, None, ()
        first, rest = path[0], path[1:]
        nearest: tuple[_Part | None, yaml.Node | None, Path_] = (None, None, ())
        for part in self.parts:
            found = _below(part.node, first)
            if found is None:
                continue
            key, node = found
            if nearest[0] is None:
                nearest = (part, key, ())
            if isinstance(node, yaml.SequenceNode) and rest and isinstance(rest[0], int):
                if rest[0] < len(node.value):
                    return part, part.node, (first, *rest)
                rest = (rest[0] - len(node.value), *rest[1:])
            elif not rest or not isinstance(node, yaml.MappingNode) or _below(node, rest[0]) is not None:
                return part, part.node, (first, *rest)
        return nearest


def _below(node: yaml.Node, step: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return None, node.value[step]
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key, value
    return None


def _place_of(file: str, node: yaml.Node, offset: int = 0) -> Place:
    start, end = node.start_mark, node.end_mark
    column = start.column
    if offset and start.line == end.line:  # of folded text nobody knows where its characters were
        column += offset + (1 if getattr(node, "style", None) in ("'", '"') else 0)
    return Place(file, start.line + 1, column + 1)


def read_text(path: Path) -> Text:
    """What a file says, or all ``*.yaml`` of a folder together. ``${NAME}`` stands for an environment variable.
    Raises :class:`ConfigError` with every mistake that can be found before it is known what is meant."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not files:
        raise ConfigError([f"{path} holds no .yaml file"])
    text, problems = Text(), []
    for file in files:
        try:
            data, node = _load(file)
        except ConfigError as error:
            problems += error.problems
            continue
        if node is not None:
            text.parts.append(_Part(file.name, node))
            problems += _merge(text, data, file.name, node)
    if problems:
        raise ConfigError(problems)
    return text


def read_string(said: str, name: str) -> Text:
    """What somebody wrote who may not see the environment: ``${NAME}`` stays what it is. Raises
    :class:`ConfigError`."""
    if len(said) > LARGEST:
        raise ConfigError([f"{name}: is larger than {LARGEST // 1_000_000} MB"])
    data, node = _understood(name, said, None)
    return Text(data, [] if node is None else [_Part(name, node)])


def _load(file: Path) -> tuple[dict[str, Any], yaml.MappingNode | None]:
    name = file.name
    try:
        if file.stat().st_size > LARGEST:
            raise ConfigError([f"{name}: is larger than {LARGEST // 1_000_000} MB"])
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([f"{name}:{line}: is not UTF-8 text from here on: save it as UTF-8"]) from error
    except OSError as error:
        raise ConfigError([f"{file}: cannot be read: {error.strerror or error}"]) from error
    return _understood(name, text, os.environ)


def _understood(
    name: str, text: str, environment: Mapping[str, str] | None
) -> tuple[dict[str, Any], yaml.MappingNode | None]:
    try:
        loader = _Loader(_VARIABLE.sub("\ue000\\1\ue001\ue001", text))
        node = loader.get_single_node()
        if node is None:
            return {}, None
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError([f"{name}: the top must be a mapping (queues:, agents:, …)"])
        if problems := [f"{_place_of(name, where)}: {told}" for where, told in _filled(loader, node, environment)]:
            raise ConfigError(problems)
        return loader.construct_document(node), node
    except RecursionError as error:
        raise ConfigError([f"{name}: is nested too deeply"]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise ConfigError([f"{where}: {_unreadable(error, text, mark)}"]) from error


_MENDED = {
    "found undefined alias": "{here} repeats an anchor that is not there: write &{word} where it is said first",
    "mapping values are not allowed in this context": "a second ':' in a line: put what has ': ' in it into quotes, "
    "or indent what belongs below",
    "found unexpected end of stream": "a quotation is not closed before the end of the file",
    "could not find expected ':'": "a setting without its ':', or a line that is indented too little",
}
"""What the reader of YAML says, and what that means for the writer."""


def _unreadable(error: yaml.YAMLError, text: str, mark: Any) -> str:
    told = str(getattr(error, "problem", None) or error)
    lines = text.splitlines()
    rest = lines[mark.line][mark.column :] if mark and mark.line < len(lines) else ""
    if rest.startswith("\t"):
        return "a tab stands here: YAML is indented with spaces alone"
    here = re.match(r"[^\s,\]}]*", rest)
    words = here[0] if here else ""
    return _MENDED.get(told, told).format(here=words, word=words.lstrip("*"))


def _filled(loader: Any, root: yaml.Node, environment: Mapping[str, str] | None) -> Iterator[tuple[yaml.Node, str]]:
    """Puts the environment's values in, and finds what YAML lets pass: a key that is there twice, anchors that hold
    themselves or too much."""
    sizes: dict[int, int] = {}
    under_way: set[int] = set()

    def size(node: yaml.Node) -> Iterator[tuple[yaml.Node, str]]:
        if id(node) in sizes:
            return
        if id(node) in under_way:
            yield node, "holds itself"
            return
        under_way.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield from _variables(loader, node, environment)
        else:
            if isinstance(node, yaml.MappingNode):
                yield from _twice(node)
            for child in _children(node):
                yield from size(child)
        sizes[id(node)] = 1 + sum(sizes.get(id(child), 0) for child in _children(node))
        under_way.discard(id(node))

    yield from size(root)
    if sizes[id(root)] > MOST_NODES:
        yield root, f"says more than {MOST_NODES} things, with what its anchors repeat"


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _twice(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, str]]:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode) and key.value != "<<":
            if key.value in seen:
                yield key, f"{key.value!r} is there twice; the first is in line {seen[key.value]}"
            seen.setdefault(key.value, key.start_mark.line + 1)


def _variables(
    loader: Any, node: yaml.ScalarNode, environment: Mapping[str, str] | None
) -> Iterator[tuple[yaml.Node, str]]:
    missing: list[str] = []

    def value(match: re.Match[str]) -> str:
        if environment is None:
            return f"${{{match[1]}}}"
        found = environment.get(match[1])
        if found is None:
            missing.append(match[1])
        return found or ""

    filled = _MARKED.sub(value, node.value)
    if filled == node.value:
        return
    if node.style not in ("'", '"', "|", ">"):
        node.tag = loader.resolve(yaml.ScalarNode, filled, (True, False))  # a number may come from outside
    node.value = filled
    for name in missing:
        yield node, f"the environment variable {name} is not set"


def _merge(text: Text, part: dict[str, Any], name: str, node: yaml.MappingNode) -> list[str]:
    problems = []
    for key, value in part.items():
        there = text.data.get(key)
        if isinstance(value, list) and isinstance(there, list):
            text.data[key] = there + value
        elif isinstance(value, dict) and isinstance(there, dict):
            text.data[key] = {**there, **value}
        elif key in text.data:
            found = _below(node, str(key))
            where = _place_of(name, found[0]) if found and found[0] else name
            problems.append(f"{where}: {key} is already set in another file")
        else:
            text.data[key] = value
    return problems
