"""A notebook's parameters: read from its cell, never run; given values checked before anything starts."""

from __future__ import annotations

import ast
import difflib
import io
import tokenize
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.terms.errors import BadInput, UsageError
from helpers.terms.period import Month, parse_day

LONGEST = 1000
FORMS = {"month": Month.parse, "as_of": parse_day}  # of all notebooks; each refuses what it cannot read


@dataclass(frozen=True)
class Parameter:
    """One parameter: name, default text, and the comment beside it."""

    name: str
    default: str
    doc: str


def declared(notebook: Path) -> dict[str, Parameter]:
    """The parameters a notebook takes, by name, in the order of its cell.

    Raises
    ------
    BadInput
        If the file is no notebook, or its parameters are not texts given as literals.
    """
    import json

    try:
        cells = json.loads(notebook.read_text("utf-8"))["cells"]
        cell = next((c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])), None)
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as problem:
        raise BadInput(
            "no notebook", "an .ipynb file", "give a notebook's id or path", file=str(notebook)
        ) from problem
    source = "".join(cell["source"]) if cell else ""
    try:
        lines = ast.parse(source).body
    except (SyntaxError, ValueError) as problem:
        raise BadInput(
            "the cell tagged parameters is no Python",
            'lines like: month: str = ""  # YYYY-MM',
            "mend it",
            file=str(notebook),
        ) from problem
    comments = {
        t.start[0]: t.string.lstrip("# ").strip()
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if t.type == tokenize.COMMENT
    }
    found = {}
    for node in lines:
        target: Any = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
        value: Any = getattr(node, "value", None)
        if (
            not isinstance(target, ast.Name)
            or not isinstance(value, ast.Constant)
            or not isinstance(value.value, str)
        ):
            raise BadInput(
                f"the parameter in line {node.lineno} is no text given as a literal",
                'lines like: month: str = ""  # YYYY-MM',
                "mend the cell tagged parameters",
                file=str(notebook),
            )
        found[target.id] = Parameter(target.id, value.value, comments.get(node.lineno, ""))
    return found


def split(pairs: Iterable[str]) -> dict[str, str]:
    """``name=value`` texts as they are: 0123 stays 0123.

    Examples
    --------
    >>> split(["department=0123", "month=2026-09"])
    {'department': '0123', 'month': '2026-09'}
    """
    given: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"-p {pair}", "-p name=value", "write it like -p month=2026-09")
        if name in given:
            raise UsageError(f"parameter {name} twice", "each once", "leave one away")
        given[name] = value
    return given


def check(given: Mapping[str, str], known: Mapping[str, Parameter]) -> dict[str, str]:
    """`given`, once every name is known and every value is a text that can stand in a notebook, in its parameter's form.

    Raises
    ------
    UsageError
        Naming the nearest parameter, or what is wrong with the value.
    """
    for name, value in given.items():
        if name not in known:
            raise UsageError(
                f"no parameter {name[:60]!r}",
                f"one of {', '.join(known) or 'none: this notebook takes none'}",
                nearest(name, known) or "finops report --help",
            )
        if not isinstance(value, str):
            raise UsageError(f"{name} is {type(value).__name__}", "a text", "put it in quotes")
        if len(value) > LONGEST or any(not c.isprintable() for c in value):
            raise UsageError(
                f"{name} has {len(value):,} characters or signs that cannot be printed",
                f"one line of up to {LONGEST} characters",
                "check the value",
            )
        if value and name in FORMS:
            FORMS[name](value)
    return dict(given)


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean X?`` or nothing.

    Examples
    --------
    >>> nearest("mnth", ["month", "provider"])
    'did you mean month?'
    """
    names = {k.casefold(): k for k in known}
    close = difflib.get_close_matches(name.casefold(), names, 1, 0.5)
    return f"did you mean {names[close[0]]}?" if close else ""
