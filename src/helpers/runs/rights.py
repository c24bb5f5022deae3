"""Who may see what: one YAML file of rights, and the store that a viewer's process is started on.

The filter stands in data access, before any notebook code: `scoped` gives a store in which nothing of others is, and a
page's process or a report is started on that store alone. The first entry of the file that fits a person decides.

An example of the file::

    groups:                          # people whom no identity provider puts into a group
      finance: [eva@larkspur.example, ines@larkspur.example]
    rights:
      - user: ana@larkspur.example
        departments: [Checkout, Search]
      - group: finance
        departments: all
        notebooks: [practitioner_kpis, finance_forecasting]   # left out: every notebook
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers.data import layout
from helpers.runs import snapshots
from helpers.terms import errors
from helpers.terms.errors import BadInput, KitError, Refused, UsageError

ALL = "all"
LONGEST = 200  # signs of a name
PATIENCE = 600  # seconds until the making of a store is given up
TRIES = 3  # how often a store is cut anew because it was written meanwhile
EXAMPLE = "a line like: - user: ana@example.org, and below it departments: [Checkout] or departments: all"


@dataclass(frozen=True)
class Viewer:
    """Somebody, and what they may see.

    Attributes
    ----------
    name : str
        As the way in names the person.
    departments : tuple of str or None
        In order, each once; None for everything, charges without a department included.
    notebooks : tuple of str or None
        Ids; None for every notebook.

    Examples
    --------
    >>> Viewer("ana", ("Search", "Checkout")).scope == Viewer("eva", ("Checkout", "Search")).scope
    True
    >>> Viewer("ana", None).scope
    'all'
    """

    name: str
    departments: tuple[str, ...] | None
    notebooks: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for one in ("departments", "notebooks"):
            held = getattr(self, one)
            if held is not None:
                object.__setattr__(self, one, tuple(sorted(set(held))))

    @property
    def scope(self) -> str:
        """A short text, equal for equal rights to data: ``all``, or a hash that names nobody."""
        if self.departments is None:
            return ALL
        return "d" + hashlib.sha256(json.dumps(self.departments).encode()).hexdigest()[:16]

    def may_open(self, notebook_id: str) -> bool:
        """Whether the person may open this notebook."""
        return self.notebooks is None or notebook_id in self.notebooks

    def may_see(self, department: str) -> bool:
        """Whether the charges of this department are among what the person may see."""
        return self.departments is None or department in self.departments

    def need(self, notebook_id: str) -> None:
        """Refuse a notebook that the person may not open, in the words for one that is not there."""
        if not self.may_open(notebook_id):
            raise Refused(
                f"no page {notebook_id[:60]!r} for you",
                "a page that your rights name",
                "ask whoever runs this server",
            )

    def check(self, asked: Mapping[str, str]) -> None:
        """Refuse a department that is not among the person's, in a sentence that names only their own.

        Parameters
        ----------
        asked : mapping
            Parameters of a page or report.

        Raises
        ------
        UsageError
        """
        department = asked.get("department", "")
        if department and not self.may_see(department):
            raise UsageError(
                f"no department {department[:80]!r} for you",
                f"one of {', '.join(self.departments or ())}",
                "leave it empty for all that is yours",
            )


LOCAL = Viewer("local", None)


@dataclass(frozen=True)
class Rule:
    """One entry of the file: a user or a group, and what they may see."""

    user: str
    group: str
    departments: tuple[str, ...] | None
    notebooks: tuple[str, ...] | None


@dataclass(frozen=True)
class Rights:
    """The file, read.

    Attributes
    ----------
    rules : tuple of Rule
        In file order: the first that fits decides.
    groups : dict
        Group -> its people, as far as the file names them; an identity provider may say more.
    """

    rules: tuple[Rule, ...]
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def viewer(self, name: str, groups: Iterable[str] = ()) -> Viewer:
        """The person's rights.

        Parameters
        ----------
        name : str
            As the way in names the person; compared sign for sign.
        groups : iterable of str
            Groups that the way in vouches for; those of the file are added.

        Raises
        ------
        Refused
            Nobody of that name has rights.
        """
        mine = {g for g in groups if g} | {g for g, people in self.groups.items() if name in people}
        for rule in self.rules:
            if name and (rule.user == name or (rule.group and rule.group in mine)):
                return Viewer(name, rule.departments, rule.notebooks)
        raise Refused(
            f"{name[:80]!r} has no rights here" if name else "nobody is logged in",
            "a person or group that the file of rights names",
            "ask whoever runs this server to add you",
        )

    @property
    def departments(self) -> tuple[str, ...]:
        """Every department that the file names."""
        return tuple(sorted({d for r in self.rules for d in r.departments or ()}))

    @property
    def names(self) -> frozenset[str]:
        """Every person whom the file names."""
        return frozenset(r.user for r in self.rules if r.user) | frozenset().union(*self.groups.values())


EVERYBODY = Rights((Rule("local", "", None, None),))  # nobody but whoever sits at this machine


def read(path: Path | str) -> Rights:
    """Read a file of rights; anything in it that is not understood is refused.

    Raises
    ------
    BadInput
        With file and line where YAML tells it.
    """
    import yaml

    path = Path(path)

    def bad(found: str, needed: str, remedy: str = "mend the file; nobody was let in", row: int | None = None) -> BadInput:  # fmt: skip
        return BadInput(found, needed, remedy, file=str(path), row=row)

    try:
        said = yaml.load(path.read_text("utf-8"), _strict(yaml))
    except FileNotFoundError:
        raise bad("no such file", "a YAML file of rights", "docs/security.md shows one") from None
    except OSError as problem:
        raise bad(
            f"the file cannot be read: {problem.strerror}", "a file that may be read", "grant access"
        ) from problem
    except UnicodeDecodeError as problem:
        raise bad("text that is not UTF-8", "UTF-8", "save it as UTF-8") from problem
    except (yaml.YAMLError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        what = getattr(problem, "problem", None) or "nothing that can be read"
        raise bad(
            f"no YAML: {what}", "YAML as in docs/security.md", row=mark.line + 1 if mark else None
        ) from problem
    if not isinstance(said, dict) or not said.get("rights"):
        raise bad("no entry under rights:", EXAMPLE)
    if unknown := [str(k) for k in said if k not in ("rights", "groups")]:
        raise bad(f"{unknown[0][:60]!r}", "rights: and groups: only")
    groups = _groups(said.get("groups") or {}, bad)
    if not isinstance(said["rights"], list):
        raise bad("rights: is no list", EXAMPLE)
    rules = [_rule(n, entry, bad) for n, entry in enumerate(said["rights"], 1)]
    for kind in ("user", "group"):
        named = [getattr(r, kind) for r in rules if getattr(r, kind)]
        if twice := sorted({n for n in named if named.count(n) > 1}):
            raise bad(f"{kind} {twice[0]!r} twice", "each once: the first entry that fits decides", "join the entries")  # fmt: skip
    return Rights(tuple(rules), groups)


def _strict(yaml: Any) -> Any:
    """Plain data only, and no name twice in one mapping: YAML itself would let the last one win silently."""

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen: set[str] = set()
            for key, _ in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise yaml.constructor.ConstructorError(
                        None, None, "a key that is no name", key.start_mark
                    )
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value!r} twice", key.start_mark
                    )
                seen.add(key.value)
            return super().construct_mapping(node, deep)

    return Loader


def _names(value: Any, what: str, bad: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise bad(f"{what} is {value!r:.60}", "a list of names: [Checkout, Search]")
    for name in value:
        if not isinstance(name, str) or not name.strip() or name != name.strip() or len(name) > LONGEST or not name.isprintable():  # fmt: skip
            raise bad(f"{what} holds {name!r:.60}", "names as text, in quotes where they look like numbers")
    return tuple(value)


def _groups(said: Any, bad: Any) -> dict[str, frozenset[str]]:
    if not isinstance(said, dict):
        raise bad("groups: is no mapping", "lines like: finance: [eva@example.org]")
    return {
        _names([name], "groups", bad)[0]: frozenset(_names(people, f"group {name}", bad))
        for name, people in said.items()
    }


def _rule(number: int, entry: Any, bad: Any) -> Rule:
    where = f"entry {number} of rights"
    if not isinstance(entry, dict):
        raise bad(f"{where} is {entry!r:.60}", EXAMPLE)
    if unknown := [str(k) for k in entry if k not in ("user", "group", "departments", "notebooks")]:
        raise bad(f"{where} holds {unknown[0][:60]!r}", "user or group, departments, and perhaps notebooks")
    who = [k for k in ("user", "group") if k in entry]
    if len(who) != 1:
        raise bad(
            f"{where} names {' and '.join(who) or 'nobody'}", "a user or a group", "write one of the two"
        )
    if "departments" not in entry:
        raise bad(f"{where} says nothing about departments", "departments: all, or a list of them")
    name = _names([entry[who[0]]], where, bad)[0]

    def several(key: str) -> tuple[str, ...] | None:
        value = entry.get(key, ALL)
        return None if value == ALL else _names(value, f"{key} of {where}", bad)

    return Rule(
        name if who == ["user"] else "",
        name if who == ["group"] else "",
        several("departments"),
        several("notebooks"),
    )


# --- the store that a viewer's process is started on ------------------------------------------------------------------


def version(store: Path | str) -> str:
    """A short text that changes with every commit to the store, or when another store stands in its place."""
    return snapshots.state(layout.need(store))


def scoped(store: Path | str, viewer: Viewer, folder: Path | str) -> Path:
    """The store that holds only what the viewer may see, made once for equal rights and state of the store.

    Parameters
    ----------
    store : Path
        The whole one.
    viewer : Viewer
    folder : Path
        Where such stores are kept; readable by the server's own account only.

    Returns
    -------
    Path
        `store` itself for a viewer with all rights. Else a folder ``scope-version`` that appears whole or not at all;
        it reconciles to its own cut. The work is done in a process of its own, so that a caller that forks or serves
        holds no database.

    Raises
    ------
    Refused
        The store holds no charges of the viewer's departments.
    Damaged
        A file of the store is missing or changed.
    """
    store = layout.need(store).resolve()
    if viewer.departments is None:
        return store
    from filelock import FileLock

    folder = Path(folder).resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for _ in range(TRIES):
        before = version(store)
        made = folder / f"{viewer.scope}-{before}"
        if layout.exists(made):
            os.utime(made)  # `tidy` leaves what is in use
            return made
        with FileLock(folder / f".{made.name}.lock", timeout=PATIENCE):
            if layout.exists(made):
                return made
            half = folder / f".{made.name}.{os.getpid()}.part"
            shutil.rmtree(half, ignore_errors=True)
            try:
                _cut(store, viewer.departments, half, before)
                if version(store) == before:
                    half.rename(made)
                    return made
            finally:
                shutil.rmtree(half, ignore_errors=True)
    raise Refused(
        "the store was written again and again while it was read",
        "a moment of quiet",
        "try again when the delivery is in",
        file=str(store),
    )


def _cut(store: Path, departments: tuple[str, ...], target: Path, of: str) -> None:
    said = json.dumps({"store": str(store), "departments": departments, "target": str(target), "of": of})
    code = "import json, sys; from helpers.data import cut; cut.worked(json.load(sys.stdin))"
    found = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=said,
        env=os.environ | {"PYTHONPATH": found},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode == 0:
        return
    told = _last_record(done.stdout)
    kind: Any = getattr(errors, str(told.get("error", "")), None)
    if isinstance(kind, type) and issubclass(kind, KitError):
        raise kind(told["found"], told["needed"], told["remedy"], file=told["file"])
    raise Refused(
        "the store of this viewer's departments could not be made",
        "a folder with room that may be written",
        "the server's log says why",
    ) from RuntimeError(done.stderr[-4000:])


def _last_record(said: str) -> dict[str, Any]:
    for line in reversed(said.splitlines()):
        with suppress(ValueError):
            told = json.loads(line)
            if isinstance(told, dict):
                return told
    return {}


def tidy(folder: Path | str, store: Path | str, older_than: float = 3600.0) -> int:
    """Remove the stores of earlier versions that nobody has asked for within `older_than` seconds; how many."""
    folder, now, current = Path(folder), time.time(), version(store)
    gone = 0
    for made in folder.glob("d*-*"):
        if made.is_dir() and not made.name.endswith(current) and now - made.stat().st_mtime > older_than:
            shutil.rmtree(made, ignore_errors=True)
            gone += 1
    return gone
