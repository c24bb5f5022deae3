"""A plan: which notebooks, for which values and months, to where, in which forms, for whom, within which limits.

A plan holds names and values, never a query's text: what a store is asked is one of `QUERIES`, and a value reaches a
notebook only as a parameter that was checked and a folder only as one step that leads nowhere else.
"""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from helpers.catalog import notebooks
from helpers.runs import delivery, formats, parameters, strict
from helpers.runs import rights as whose
from helpers.runs.batch.summary import NAMES
from helpers.runs.parameters import nearest
from helpers.runs.strict import Node
from helpers.terms.errors import KitError, UsageError
from helpers.terms.period import Month, parse_day

QUERIES = {  # what a store can be asked for, and the parameter that it fills
    "every department with cost": "department",
    "every provider with cost": "provider",
    "every currency with cost": "currency",
}
FIXED = ("month", "as_of", "data")  # parameters that a plan sets in places of their own
KEYS = (
    "plan",
    "data",
    "to",
    "as_of",
    "rights",
    "folder",
    "months",
    "formats",
    "limits",
    "deliver",
    "reports",
)
OF_A_REPORT = (
    "notebook",
    "for",
    "rows",
    "parameters",
    "months",
    "folder",
    "formats",
    "limits",
    "deliver",
    "viewer",
)
USUAL_FOLDER = "{month}/{department}/{notebook}"
MOST = 100_000  # reports of one plan
FORMS = ("html", "json")
END = r"(latest closed|\d{4}-(0[1-9]|1[0-2]))"
TIMES = {"s": 1, "min": 60, "h": 3600}
SIZES = {"MB": 10**6, "GB": 10**9}


@dataclass(frozen=True)
class Limits:
    """What one report may take, and how many are made at once.

    Attributes
    ----------
    time : float
        Wall time of a report [s].
    memory : int
        Resident memory of a report [bytes]; 0 for no limit.
    workers : int
        Reports at the same time; 0 for as many as there are cores.
    retries : int
        How often a report that was ended or stopped is tried again, each in a fresh process.
    """

    time: float = 600.0
    memory: int = 3_000_000_000
    workers: int = 0
    retries: int = 1


@dataclass(frozen=True)
class Delivery:
    """One entry of ``deliver``, checked: `key` tells it from others, `entry` is what `runs.delivery` reads."""

    key: str
    kind: str
    entry: Mapping[str, Any]
    where: str
    formats: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """One item of a plan's list ``reports``."""

    node: Node
    notebook: Path
    known: Mapping[str, Any]
    choices: Mapping[str, tuple[str, ...] | str]  # parameter -> values, or the query that gives them
    rows: tuple[Mapping[str, str], ...]
    parameters: Mapping[str, str]
    months: tuple[str, ...]
    folder: str
    formats: tuple[str, ...]
    limits: Limits
    deliver: tuple[Delivery, ...]
    viewers: tuple[Any, ...]  # helpers.runs.rights.Viewer or None


@dataclass(frozen=True)
class Plan:
    """A plan, read and checked as far as its file goes; `expand` asks the store for the rest."""

    name: str
    file: Path
    data: Path
    to: Path
    as_of: str
    entries: tuple[Entry, ...]
    limits: Limits

    @property
    def viewers(self) -> list[Any]:
        """Each once, None for nobody in particular."""
        return list({(v.name if v else ""): v for e in self.entries for v in e.viewers}.values())

    @property
    def needs_store(self) -> bool:
        """Whether any of its notebooks reads one."""
        return any("data" in e.known for e in self.entries)


@dataclass(frozen=True)
class Report:
    """One report of a batch.

    Attributes
    ----------
    folder : str
        Below the batch's folder; its key in ledger and summary.
    notebook : Path
    given : dict
        Parameters but `data`.
    viewer : Viewer or None
    row : int
        Line of the plan.
    """

    folder: str
    notebook: Path
    given: Mapping[str, str]
    formats: tuple[str, ...]
    limits: Limits
    viewer: Any = None
    deliver: tuple[Delivery, ...] = ()
    reads_store: bool = True
    row: int = 0

    @property
    def stem(self) -> str:
        """The notebook's id."""
        return self.notebook.stem


@dataclass(frozen=True)
class Held:
    """What a store holds, as `expand` needs it.

    Attributes
    ----------
    combinations : list of tuple
        (month, provider, department, currency) that have cost, each once.
    today : str
        ``YYYY-MM-DD``, by which a month is closed or not.
    """

    combinations: Sequence[tuple[str, str, str, str]] = ()
    today: str = ""
    months: Sequence[str] = field(default_factory=list)


# --- reading --------------------------------------------------------------------------------------------------------


def read(file: Path) -> Plan:
    """Read a plan.

    Raises
    ------
    UsageError
        An unknown key (the nearest is named), a value that cannot be, a notebook, parameter or file that is not there:
        with file and line.
    """
    root = strict.read(file)
    top = root.only(KEYS, ("to", "reports"))
    base = file.resolve().parent
    name = top["plan"].text if "plan" in top else _named(file)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", name):
        top["plan"].wrong(
            f"the name {name[:60]!r}", "lower case letters, digits, - and _", "write  plan: monthly"
        )
    as_of = top["as_of"].text if "as_of" in top else ""
    if as_of:
        _at(top["as_of"], lambda: parse_day(as_of))
    usual = {key: top[key] for key in ("folder", "months", "formats", "limits", "deliver") if key in top}
    known = None
    if "rights" in top:
        known = whose.read(_path(top["rights"], base))
    entries = tuple(_entry(node, usual, base, known) for node in top["reports"].items)
    if not entries:
        top["reports"].wrong("no report", "at least one", "add  - notebook: practitioner_kpis")
    data = (
        _path(top["data"], base)
        if "data" in top
        else Path(os.environ.get("FINOPS_DATA") or "store").absolute()
    )
    to = _path(top["to"], base)
    return Plan(name, file, data, to, as_of, entries, _limits(usual.get("limits"), Limits()))


def _named(file: Path) -> str:
    """What a plan is called that does not say it."""
    return re.sub(r"[^a-z0-9_-]+", "-", file.stem.lower()).strip("-") or "batch"


def _entry(node: Node, usual: Mapping[str, Node], base: Path, known: Any) -> Entry:
    own = node.only(OF_A_REPORT, ("notebook",))
    both = {**usual, **own}
    said = own["notebook"].text
    beside = base / said
    path = _at(
        own["notebook"],
        lambda: notebooks.find(beside if said.endswith(".ipynb") and beside.is_file() else said),
    )
    declared = _at(own["notebook"], lambda: parameters.declared(path))
    if "month" in declared and "months" not in both:
        node.wrong("no months", "months: latest closed, or months as YYYY-MM", "add  months: latest closed")
    values = {}
    if "parameters" in own:
        for name, value in own["parameters"].pairs.items():
            values[name] = _parameter(value, name, value.text, declared)
    choices = {}
    for name, value in (own["for"].pairs if "for" in own else {}).items():
        choices[name] = _choice(value, name, declared, base)
    rows = _rows(own["rows"], base, declared) if "rows" in own else ()
    doubled = [n for n in values if n in choices or any(n in r for r in rows)] + [
        n for n in choices if any(n in r for r in rows)
    ]
    if doubled:
        node.wrong(f"{doubled[0]} in two places", "each parameter once", "leave one away")
    folder = both["folder"].text if "folder" in both else USUAL_FOLDER
    _pattern(both.get("folder", node), folder, [*declared, "notebook", "viewer"])
    asked = [n.text for n in both["formats"].items] if "formats" in both else list(FORMS)
    forms = _at(both.get("formats", node), lambda: formats.check(asked))
    deliver = tuple(_delivery(n, base) for n in (both["deliver"].items if "deliver" in both else []))
    forms = formats.check([*forms, *(f for d in deliver for f in d.formats)])
    months = tuple(_months(n) for n in both["months"].items) if "month" in declared else ()
    if "limits" in own and "workers" in own["limits"].pairs:
        own["limits"].wrong(
            "workers of one report", "workers for the whole plan", "move it to limits: at the top"
        )
    limits = _limits(own.get("limits"), _limits(usual.get("limits"), Limits()))
    return Entry(
        node,
        path,
        declared,
        choices,
        rows,
        values,
        months,
        folder,
        forms,
        limits,
        deliver,
        _viewers(own, known, path),
    )


def _delivery(node: Node, base: Path) -> Delivery:
    where, entry = delivery.entry(node, base)
    read = delivery.read(entry, where)
    told = json.dumps(entry, sort_keys=True, default=str)
    return Delivery(hashlib.sha256(told.encode()).hexdigest()[:12], read.kind, entry, where, read.formats)


def _viewers(own: Mapping[str, Node], known: Any, notebook: Path) -> tuple[Any, ...]:
    if "viewer" not in own:
        return (None,)
    found = []
    for node in own["viewer"].items:
        if known is None:
            node.wrong(
                "a viewer, and no rights",
                "rights: FILE at the top of the plan",
                "docs/security.md shows such a file",
            )
        viewer = _at(node, lambda n=node: known.viewer(n.text))
        if not viewer.may_open(notebook.stem):
            node.wrong(
                f"{viewer.name} may not open {notebook.stem}",
                "a notebook that the rights name",
                "mend plan or rights",
            )
        found.append(viewer)
    return tuple(found)


def _parameter(node: Node, name: str, value: str, declared: Mapping[str, Any]) -> str:
    if name in FIXED:
        where = {"month": "months: …", "as_of": "as_of: … at the top", "data": "data: … at the top"}[name]
        node.wrong(f"the parameter {name} here", where, "move it there")
    _at(node, lambda: parameters.check({name: value}, declared))
    return value


def _choice(node: Node, name: str, declared: Mapping[str, Any], base: Path) -> tuple[str, ...] | str:
    if not isinstance(node.value, dict):
        values = tuple(_parameter(n, name, n.text, declared) for n in node.items)
        if len(set(values)) < len(values):
            node.wrong("a value twice", "each value once", "leave one away")
        return values
    asked = node.only(("query", "table", "column"))
    if "query" in asked:
        query = asked["query"].text
        if query not in QUERIES:
            asked["query"].wrong(
                f"no query {query[:60]!r}",
                f"one of {', '.join(QUERIES)}",
                nearest(query, QUERIES) or "take one of them",
            )
        if QUERIES[query] != name:
            asked["query"].wrong(
                f"{query!r} for {name}", f"for: {QUERIES[query]}: …", "take the query of this name"
            )
        _parameter(node, name, "", declared)
        return query
    if set(asked) != {"table", "column"}:
        node.wrong(
            "no list, query or table",
            "a list; query: NAME; or table: FILE and column: NAME",
            "write one of them",
        )
    column = asked["column"].text
    table = _table(asked["table"], base)
    if column not in table[0][1]:
        asked["column"].wrong(
            f"no column {column[:60]!r}", f"one of {', '.join(table[0][1])}", nearest(column, table[0][1])
        )
    return tuple(dict.fromkeys(_cell(r[column], name, declared, asked["table"], n) for n, r in table))


def _rows(node: Node, base: Path, declared: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    return tuple(
        {name: _cell(value, name, declared, node, n) for name, value in row.items()}
        for n, row in _table(node, base)
    )


def _cell(value: str, name: str, declared: Mapping[str, Any], node: Node, row: int) -> str:
    try:
        return _parameter(node, name, value, declared)
    except UsageError as problem:
        raise UsageError(
            problem.found, problem.needed, problem.remedy, file=node.text, row=row, column=name
        ) from problem


def _table(node: Node, base: Path) -> list[tuple[int, dict[str, str]]]:
    path = _path(node, base)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            head = next(reader, [])
            found = []
            for values in reader:
                if not any(values):
                    continue
                if len(values) != len(head):
                    raise UsageError(
                        f"{len(values)} values", f"{len(head)}, as in line 1", "mend the line", file=str(path), row=reader.line_num
                    )  # fmt: skip
                found.append((reader.line_num, dict(zip(head, (v.strip() for v in values), strict=True))))
                if len(found) > MOST:
                    node.wrong("a table without end", f"up to {MOST:,} rows", "make several plans")
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        node.wrong(f"no table: {problem}", "a CSV file in UTF-8 with a line of names first", "mend it")
    if not found or len(set(head)) < len(head):
        node.wrong(
            "a table without rows, or a name twice in line 1", "names in line 1, values below", "mend it"
        )
    return found


def _pattern(node: Node, pattern: str, known: Iterable[str]) -> None:
    known = list(known)
    for name in re.findall(r"\{([^{}]*)\}", pattern):
        if name not in known:
            node.wrong(
                f"{{{name[:40]}}} in the folder",
                f"of {', '.join('{' + k + '}' for k in known)}",
                nearest(name, known),
            )
    bare = re.sub(r"\{[^{}]*\}", "x", pattern)
    parts = bare.split("/")
    if not all(re.fullmatch(r"[\w-][\w .-]{0,100}", p) and not p.endswith((".", " ")) for p in parts):
        node.wrong(
            f"the folder {pattern[:80]!r}",
            "names of letters, digits, - and _ with / between them, below the batch's folder",
            f"write  folder: '{USUAL_FOLDER}'",
        )


def _months(node: Node) -> str:
    said = " ".join(node.text.split())
    if not re.fullmatch(rf"latest|last [1-9]\d{{0,2}} closed|{END}(\.\.{END})?", said):
        node.wrong(
            f"months {said[:60]!r}",
            "latest closed; latest; last 3 closed; 2026-09; 2026-01..2026-09; 2026-01..latest closed",
            nearest(said, ("latest closed", "latest", "last 3 closed"))
            or "take one of these, or a list of them",
        )
    first, _, last = said.partition("..")
    if last and "latest closed" not in (first, last) and first > last:
        node.wrong(f"{said}, which runs backwards", "the earlier month first", "turn it round")
    return said


def _limits(node: Node | None, usual: Limits) -> Limits:
    if node is None:
        return usual
    own, made = node.only(("time", "memory", "workers", "retries")), {}
    for name, units in (("time", TIMES), ("memory", SIZES)):
        if name in own:
            made[name] = _measured(own[name], units)
    for name, least, most in (("workers", 1, 256), ("retries", 0, 3)):
        if name in own and name == "workers" and own[name].text == "cores":
            made[name] = 0
        elif name in own:
            text = own[name].text
            if not re.fullmatch(r"\d{1,4}", text) or not least <= int(text) <= most:
                own[name].wrong(
                    f"{name} {text[:20]!r}",
                    f"a whole number from {least} to {most}",
                    f"write  {name}: {least}",
                )
            made[name] = int(text)
    return replace(usual, **made)


def _measured(node: Node, units: Mapping[str, int]) -> int:
    found = re.fullmatch(r"(\d{1,6}) ?([A-Za-z]+)", node.text)
    if not found or found[2] not in units or not int(found[1]):
        node.wrong(
            f"{node.text[:40]!r}", f"a number and one of {', '.join(units)}", f"write  10 {next(iter(units))}"
        )
    return int(found[1]) * units[found[2]]


def _path(node: Node, base: Path) -> Path:
    said = node.text
    if not said or not said.isprintable():
        node.wrong(f"the path {said[:60]!r}", "a folder or file, from the plan's own folder", "write one")
    return Path(os.path.abspath(base / Path(said).expanduser()))  # noqa: PTH100 - a link in the path stays a link


def _at(node: Node, go: Any) -> Any:
    """What `go` gives; what it refuses is refused with this place of the plan."""
    try:
        return go()
    except KitError as problem:
        raise UsageError(
            problem.found,
            problem.needed,
            problem.remedy,
            file=node.file,
            row=node.row,
            column=node.name or None,
        ) from problem


# --- the reports of a plan ------------------------------------------------------------------------------------------


def expand(plan: Plan, held: Mapping[str, Held]) -> list[Report]:
    """The reports of a plan, in its order.

    Parameters
    ----------
    plan : Plan
    held : mapping
        Viewer's name ("" for nobody in particular) -> what the store holds that is read for the viewer.

    Raises
    ------
    UsageError
        Two reports in one folder, one within the other's, or none at all.
    """
    found: list[Report] = []
    for entry in plan.entries:
        for viewer in entry.viewers:
            found += _of(entry, plan, viewer, held.get(viewer.name if viewer else "", Held()))
            if len(found) > MOST:
                entry.node.wrong(f"more than {MOST:,} reports", f"up to {MOST:,}", "make several plans")
    if not found:
        plan.entries[0].node.wrong(
            "no report: nothing has cost for what was asked",
            "months and values with cost",
            "finops history shows the months",
        )
    _apart(found, plan)
    return found


def _of(entry: Entry, plan: Plan, viewer: Any, held: Held) -> Iterator[Report]:
    queries = {name: query for name, query in entry.choices.items() if isinstance(query, str)}
    lists = {name: values for name, values in entry.choices.items() if not isinstance(values, str)}
    for month in _chosen_months(entry, held):
        for row in entry.rows or ({},):
            for values in itertools.product(*lists.values()):
                fixed = {**entry.parameters, **row, **dict(zip(lists, values, strict=True))}
                for asked in _asked(queries, held, month, fixed):
                    given = {**fixed, **asked} | ({"month": month} if "month" in entry.known else {})
                    if plan.as_of and "as_of" in entry.known:
                        given["as_of"] = plan.as_of
                    parameters.check(given, entry.known)
                    yield Report(
                        _folder(entry, given, viewer),
                        entry.notebook,
                        dict(sorted(given.items())),
                        entry.formats,
                        entry.limits,
                        viewer,
                        entry.deliver,
                        "data" in entry.known,
                        entry.node.row,
                    )


def _asked(
    queries: Mapping[str, str], held: Held, month: str, fixed: Mapping[str, str]
) -> list[dict[str, str]]:
    """What the queries give for a month: only combinations that have cost together, and with what is fixed."""
    if not queries:
        return [{}]
    names = ("provider", "department", "currency")
    seen: dict[tuple[str, ...], None] = {}
    for at, *values in held.combinations:
        one: dict[str, str] = dict(zip(names, values, strict=True))
        fits = all(one[n] == fixed[n] for n in names if fixed.get(n))
        if at == month and fits and all(one[n] for n in queries):
            seen[tuple(one[n] for n in queries)] = None
    return [dict(zip(queries, values, strict=True)) for values in sorted(seen)]


def _chosen_months(entry: Entry, held: Held) -> list[str]:
    if "month" not in entry.known:
        return [""]
    today = parse_day(held.today) if held.today else None
    months = sorted(held.months)
    closed = [m for m in months if today and Month.parse(m).end.date() <= today]
    found: dict[str, None] = {}
    for said in entry.months:
        if said.startswith("last") or "latest" in said:
            needed = months if said == "latest" else closed
            if not needed:
                entry.node.wrong("no closed month in the store" if months else "no month in the store", "charges of a month that is over", "name the months, or ingest first")  # fmt: skip
        if said == "latest":
            chosen = months[-1:]
        elif said == "latest closed":
            chosen = closed[-1:]
        elif said.startswith("last "):
            chosen = closed[-int(said.split()[1]) :]
        else:
            first, _, last = said.partition("..")
            begin, end = (
                Month.parse(closed[-1] if e == "latest closed" else e) for e in (first, last or first)
            )
            count = (end.year - begin.year) * 12 + end.month - begin.month + 1
            chosen = [str(begin.plus(n)) for n in range(max(count, 0))]
        found |= dict.fromkeys(chosen)
    return list(found)


def _folder(entry: Entry, given: Mapping[str, str], viewer: Any) -> str:
    values = {name: p.default for name, p in entry.known.items()} | dict(given)
    values |= {"notebook": entry.notebook.stem, "viewer": viewer.name if viewer else ""}

    def put(found: re.Match[str]) -> str:
        step = delivery.step(values[found[1]])
        return (
            f"{step[:-7]}%2Efailed" if step.endswith(".failed") else step
        )  # the name for what a failed run leaves

    return re.sub(r"\{([^{}]*)\}", put, entry.folder)


def _apart(reports: Sequence[Report], plan: Plan) -> None:
    seen: dict[str, Report] = {}
    for one in reports:
        key = one.folder.casefold()  # some systems tell no upper case from lower
        other = seen.get(key)
        if other is not None:
            differ = sorted(n for n in one.given if one.given.get(n) != other.given.get(n))
            raise UsageError(
                f"two reports for one folder, {one.folder}",
                "a folder of its own for each report",
                f"put {', '.join('{' + n + '}' for n in differ) or '{notebook}'} into folder: …",
                file=str(plan.file),
                row=one.row,
            )
        seen[key] = one
    for key, one in seen.items():
        steps = key.split("/")
        inside = next(
            (seen["/".join(steps[:n])] for n in range(1, len(steps)) if "/".join(steps[:n]) in seen), None
        )
        if inside or steps[0] in NAMES:
            raise UsageError(
                f"the folder {one.folder} is {'inside the report ' + inside.folder if inside else 'a name of the batch'}",
                "folders beside each other",
                "change folder: …",
                file=str(plan.file),
                row=one.row,
            )


# --- a plan to begin with -------------------------------------------------------------------------------------------

DRAFT = """\
# A batch of reports: finops batch run {name}
# finops batch run {name} --dry-run says what would be made. docs/batch.md explains every line.

plan: {plan}
data: {data}                  # the store; paths here are seen from this file's folder
to: {to}                   # the batch's folder: reports, summary (index.html, summary.json), ledger
folder: "{{month}}/{{department}}/{{notebook}}"   # of each report; an empty value becomes "all"
months: latest closed          # or: latest · last 3 closed · 2026-09 · 2026-01..latest closed · a list of these
formats: [html, json]          # also: pdf, xlsx, csv, parquet

limits:                        # of each report
  time: 10 min
  memory: 3 GB
  workers: cores               # reports at the same time
  retries: 1                   # after a crash or a hang, in a fresh process

reports:
  - notebook: practitioner_kpis            # the whole company

  - notebook: practitioner_kpis            # and each department that has cost in the month
    for:
      department: {{query: every department with cost}}
    # department: [Checkout, Search]              a list works as well,
    # department: {{table: teams.csv, column: team}}   or a column of a CSV file
    # parameters: {{currency: USD}}                 the same for all of these reports

{more}
# rights: rights.yaml          # who may see which departments (docs/security.md); then a report may have
#                              #   viewer: ana@example.org   and holds that person's rows only

# deliver:                     # docs/delivery.md: e-mail and webhooks too; nothing is sent twice
#   - folder: "published/{{month}}/{{department}}"
#     formats: [html, xlsx]
"""


def draft(file: Path, data: Path, to: str = "reports") -> str:
    """A commented plan that runs as it is."""
    base = file.resolve().parent
    try:
        shown = str(data.resolve().relative_to(base))
    except ValueError:
        shown = str(data.resolve())
    others = [n for n in notebooks.ids() if n != "practitioner_kpis"]
    more = "\n".join(f"  # - notebook: {n}" for n in others) + ("\n" if others else "")
    quoted = (
        shown
        if re.fullmatch(r"[\w./-]+", shown)
        else '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )
    return DRAFT.format(name=file.name, plan=_named(file), data=quoted, to=to, more=more)
