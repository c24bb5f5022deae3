"""YAML as a person writes it, read strictly: every value keeps its text and its line, and nothing is guessed.

``0123`` stays 0123 and ``no`` stays no, because a department may be called so. A key that stands twice, an anchor, a tag
or a second document is refused: each lets a file mean something else than it seems to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from helpers.runs.parameters import nearest
from helpers.terms.errors import KitError, UsageError

LONGEST = 1_000_000  # bytes of a file
DEEPEST = 8


@dataclass(frozen=True)
class Node:
    """A part of the file: a text, a list of nodes or a mapping of names to nodes; and where it stands.

    Attributes
    ----------
    value : str, list of Node or dict of str to Node
    row : int
        Line of the file, from 1.
    file : str
    name : str
        The keys that lead to it, ``reports.for``.
    quoted : bool
        Whether a text stood in quotes.
    """

    value: Any
    row: int
    file: str
    name: str = ""
    quoted: bool = False

    def wrong(self, found: str, needed: str, remedy: str = "") -> NoReturn:
        """Refuse this part of the file."""
        raise UsageError(found, needed, remedy, file=self.file, row=self.row, column=self.name or None)

    @property
    def text(self) -> str:
        """The text; a list or a mapping is refused."""
        if not isinstance(self.value, str):
            self.wrong(_kind(self.value), "one value", "write it on one line")
        return self.value

    @property
    def items(self) -> list[Node]:
        """The parts of a list; one value alone counts as a list of one."""
        return self.value if isinstance(self.value, list) else [self]

    @property
    def pairs(self) -> dict[str, Node]:
        """Names and parts of a mapping."""
        if not isinstance(self.value, dict):
            self.wrong(_kind(self.value), "names with values, one a line", "write  name: value")
        return self.value

    def only(self, known: Iterable[str], needed: Iterable[str] = ()) -> dict[str, Node]:
        """The pairs, once every name is a known one and the needed ones are there."""
        known, pairs = list(known), self.pairs
        for name, node in pairs.items():
            if name not in known:
                node.wrong(
                    f"no key {name[:60]!r} here",
                    f"one of {', '.join(known)}",
                    nearest(name, known) or "leave it away",
                )
        for name in needed:
            if name not in pairs:
                self.wrong(f"no {name}", f"the keys {', '.join(needed)}", f"add  {name}: …")
        return pairs

    @property
    def plain(self) -> Any:
        """Texts, lists and dicts; numbers and yes/no as YAML 1.2 reads them where they stand without quotes."""
        if isinstance(self.value, dict):
            return {name: node.plain for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain for node in self.value]
        return self.value if self.quoted else _typed(self.value)


PLAN = ("a plan", "finops batch init writes one")


def read(path: Path, kind: type[KitError] = UsageError, wanted: tuple[str, str] = PLAN) -> Node:
    """The file as a tree of nodes.

    Parameters
    ----------
    path : Path
    kind : type, default UsageError
        What is raised.
    wanted : (str, str)
        What is needed where the file holds nothing of it, and the remedy.

    Raises
    ------
    KitError
        With file, line, what was found, what is needed and the remedy.
    """
    try:
        return _read(path, *wanted)
    except UsageError as problem:
        raise kind(
            problem.found, problem.needed, problem.remedy, file=problem.file, row=problem.row
        ) from problem


def _read(path: Path, needed: str, remedy: str) -> Node:
    import yaml

    said = str(path)
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"cannot be read: {problem.strerror}", needed, remedy, file=said) from problem
    if len(raw) > LONGEST:
        raise UsageError(
            f"{len(raw):,} bytes", f"up to {LONGEST:,}", "put long lists into a table", file=said
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as problem:
        row = raw[: problem.start].count(b"\n") + 1
        raise UsageError("no UTF-8 text", "UTF-8", "save it as UTF-8", file=said, row=row) from problem
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            _allowed(event, said)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        what = getattr(problem, "problem", None) or "a sign that no text holds"
        raise UsageError(
            f"no YAML: {what}",
            "lines like  name: value, indented by blanks",
            "look at this line and the one before it",
            file=said,
            row=mark.line + 1 if mark else None,
        ) from problem
    except RecursionError as problem:
        raise UsageError("brackets in brackets without end", needed, "mend it", file=said) from problem
    if root is None:
        raise UsageError("nothing in it", needed, remedy, file=said)
    return _node(root, said, "", 0)


def _allowed(event: Any, file: str) -> None:
    import yaml

    row = event.start_mark.line + 1
    anchor = getattr(event, "anchor", None)
    if isinstance(event, yaml.AliasEvent) or anchor:
        raise UsageError(
            f"the anchor or reference {anchor!r}",
            "each value where it is used",
            "write it out",
            file=file,
            row=row,
        )
    if getattr(event, "tag", None):
        raise UsageError(f"the tag {event.tag[:60]!r}", "plain values", "leave it away", file=file, row=row)


def _node(raw: Any, file: str, name: str, depth: int) -> Node:
    import yaml

    row = raw.start_mark.line + 1
    if depth > DEEPEST:
        raise UsageError("more than eight levels", "fewer", "mend the indentation", file=file, row=row)
    if isinstance(raw, yaml.SequenceNode):
        return Node([_node(v, file, name, depth + 1) for v in raw.value], row, file, name)
    if isinstance(raw, yaml.MappingNode):
        pairs: dict[str, Node] = {}
        for key, value in raw.value:
            at = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise UsageError("a key that is a list", "a name", "mend it", file=file, row=at)
            if key.value in pairs:
                raise UsageError(
                    f"{key.value[:60]!r} twice", "each key once", "leave one away", file=file, row=at
                )
            pairs[key.value] = _node(value, file, f"{name}.{key.value}".lstrip("."), depth + 1)
        return Node(pairs, row, file, name)
    quoted = raw.style in ("'", '"', "|", ">")
    text = "" if not quoted and raw.value in ("~", "null") else raw.value
    return Node(text, row, file, name, quoted)


def _typed(text: str) -> Any:
    words = {"true": True, "yes": True, "false": False, "no": False, "": None}
    if text.casefold() in words:
        return words[text.casefold()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _kind(value: Any) -> str:
    return {list: "a list", dict: "names with values", str: "one value"}[type(value)]
