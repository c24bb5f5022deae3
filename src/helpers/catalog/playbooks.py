"""Playbooks: targets and decisions of one page, checked strictly, and the actions that a month's numbers call for.

The page is Markdown with YAML front matter; how one is written: docs/add-a-playbook.md. The front matter holds names and
numbers, never expressions.
"""

from __future__ import annotations

import difflib
import operator
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from helpers.catalog import kpis as catalog
from helpers.catalog import notebooks, words
from helpers.catalog.responsibilities import responsibilities
from helpers.catalog.results import KpiResult
from helpers.terms.errors import BadInput, UsageError
from helpers.terms.money import CONTEXT, plain, shown, written
from helpers.terms.period import Month

HEADINGS = ("Question", "Before you start", "Read the numbers", "Decide", "Act and record", "Sources")
OPERATORS = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}
IN_WORDS = {"lt": "below", "le": "at or below", "gt": "above", "ge": "at or above"}
EXTRA_NAMES = {
    "change:rates": "Change by list price, negotiated price and commitments",
    "change:rates-share": "Change by list price, negotiated price and commitments, of last month's cost,",
}
TIMES = ("gap", "value")
FIELDS = {"value", "threshold", "amount", "provider", "product", "month", "previous"}  # of a title or reason
KEYS = {
    "id": str,
    "persona": str,
    "responsibilities": list,
    "capability": str,
    "question": str,
    "cadence": str,
    "needs": list,
    "targets": list,
    "decisions": list,
    "sources": list,
}
DECISION = {"id": str, "kpi": str, "when": dict, "title": str, "do": str, "owner": str, "within_days": int}
DECISION_MAY = {"variant": str, "value_from": dict, "each": str, "serves": list, "and": list}


@dataclass(frozen=True)
class Test:
    """One comparison: a KPI's value with a number, or with its target."""

    kpi: str  # id or id:variant, or the name of an extra number
    op: str
    value: Decimal | None  # None: the target

    __test__ = False  # no test class


@dataclass(frozen=True)
class Worth:
    """Where a decision's money comes from: a KPI's exact sum (or value), less another sum or the threshold, times …"""

    kpi: str
    sum: str
    less: str
    times: str
    factor: Decimal | None


@dataclass(frozen=True)
class Decision:
    """A rule of the playbook."""

    id: str
    tests: tuple[Test, ...]  # all must hold; the first is what the action is about
    title: str
    do: str
    owner: str
    within_days: int
    worth: Worth | None
    each: str
    serves: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """What to do now: one fired decision.

    Attributes
    ----------
    id : str
        The decision's id, with the provider where it speaks of one.
    title, why, do : str
        Written from the month's results; the rule that fired; the step.
    value : Decimal or None
        What is at stake a month [currency]; None where money is not the point.
    currency, owner : str
    due : date
    kpi : str
        ``id`` or ``id:variant``.
    evidence : dict
        Exact numbers behind it, as text.
    said : dict
        The rule's own texts before they were filled and what fills them, so that a page can say them in its language.
    """

    id: str
    title: str
    why: str
    do: str
    value: Decimal | None
    currency: str
    owner: str
    due: date
    kpi: str
    scope: Mapping[str, str]
    evidence: Mapping[str, str]
    said: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def record(self) -> dict[str, Any]:
        """Plain data for files."""
        return {
            "id": self.id,
            "title": self.title,
            "why": self.why,
            "do": self.do,
            "value": None if self.value is None else plain(self.value),
            "currency": self.currency,
            "owner": self.owner,
            "due": self.due.isoformat(),
            "kpi": self.kpi,
            "scope": dict(self.scope),
            "evidence": dict(self.evidence),
        }


@dataclass(frozen=True)
class Playbook:
    """One page: targets, decisions, and the text under its six headings."""

    id: str
    persona: str
    responsibilities: tuple[str, ...]
    capability: str
    question: str
    cadence: str
    needs: tuple[str, ...]
    targets: Mapping[str, Decimal]
    decisions: tuple[Decision, ...]
    sources: tuple[str, ...]
    sections: Mapping[str, str]
    title: str = ""

    @property
    def serves(self) -> dict[str, list[str]]:
        """Responsibility -> headings under which the page serves it (its id stands there in backticks)."""
        return {
            duty: [h for h, text in self.sections.items() if f"`{duty}`" in text]
            for duty in self.responsibilities
        }

    def decide(
        self,
        kpis: Iterable[KpiResult],
        *,
        as_of: date,
        currency: str | None = None,
        extra: Mapping[str, Decimal] | None = None,
    ) -> list[Action]:
        """The actions that these results call for, the largest amount at stake first.

        Parameters
        ----------
        kpis : iterable of KpiResult
        as_of : date
            Today; an action is due `within_days` later.
        currency : str, optional
            Only results in this currency (and those without one).
        extra : mapping, optional
            Further numbers that rules may name, such as `causes` of the month's change.

        Examples
        --------
        >>> playbook("practitioner_kpis").decide(kpis, as_of=date(2026, 10, 5))  # doctest: +SKIP
        """
        held = [k for k in kpis if currency is None or k.currency in (currency, None)]
        whole = [k for _, found in _scopes(held, "") for k in found.values()]
        aims = {
            **self.targets,
            **{k.key: k.target for k in whole if k.target is not None},
        }  # a company's own win
        actions = []
        for d in self.decisions:
            for scope, found in _scopes(held, d.each):
                action = _fire(d, found, scope, as_of, currency, aims, extra or {})
                if action:
                    actions.append(action)
        actions.sort(key=lambda a: (a.value is None, -(a.value or 0), a.id))
        return actions


def ids(folder: Path | None = None) -> list[str]:
    """Ids (stems) of all playbooks, sorted."""
    return sorted(
        p.stem for p in (folder or notebooks.folder("playbooks")).glob("*.md") if p.stem != "README"
    )


def path(id: str, folder: Path | None = None) -> Path:
    """The file of a playbook, in the working copy or as the wheel carries it.

    Raises
    ------
    UsageError
        If there is none; the nearest id is named.
    """
    known = ids(folder)
    if id in known:
        return (folder or notebooks.folder("playbooks")) / f"{id}.md"
    nearest = difflib.get_close_matches(id, known, 1)
    raise UsageError(
        f"no playbook {id!r}",
        f"one of {', '.join(known) or 'none installed'}",
        f"did you mean {nearest[0]}?" if nearest else "a playbook has the stem of its notebook",
    )


def playbook(id: str, folder: Path | None = None) -> Playbook:
    """Read and check a playbook.

    Raises
    ------
    UsageError
        No such playbook.
    BadInput
        The page breaks a rule: file, line or key, what was found and what is needed.

    Examples
    --------
    >>> playbook("practitioner_kpis").persona
    'practitioner'
    """
    file = path(id, folder)
    return _read(file, file.stat().st_mtime_ns)


def causes(bridge: Any) -> dict[str, Decimal]:
    """Numbers for `Playbook.decide` from the month's change by cause (`measures.change.bridge`).

    Returns
    -------
    dict
        ``change:<cause>`` [currency] for each cause; ``change:rates`` [currency], what list price, negotiated price and
        commitments moved; ``change:rates-share`` [ratio], that ÷ last month's cost, where there was any.
    """
    amounts = dict(zip(bridge["cause"], bridge["amount"], strict=True))
    numbers = {f"change:{cause}": amount for cause, amount in amounts.items()}
    rates = sum((amounts[c] for c in ("list price", "negotiated", "commitment")), Decimal(0))
    numbers["change:rates"] = rates
    before = bridge.attrs.get("previous_total")
    if before:
        numbers["change:rates-share"] = CONTEXT.divide(rates, before)
    return numbers


# What fires ------------------------------------------------------------------------------------------------------


def _scopes(kpis: list[KpiResult], each: str) -> list[tuple[Mapping[str, str], dict[str, KpiResult]]]:
    """Results by key: of the whole, or of each provider."""
    by_scope: dict[tuple, dict[str, KpiResult]] = {}
    narrowest = min((len(k.scope) for k in kpis), default=0)
    for k in kpis:
        own = len(k.scope) == narrowest + 1 and each in k.scope if each else len(k.scope) == narrowest
        if own:
            by_scope.setdefault(tuple(sorted(k.scope.items())), {})[k.key] = k
    return [(dict(scope), found) for scope, found in by_scope.items()]


def _fire(
    d: Decision,
    found: dict[str, KpiResult],
    scope: Mapping[str, str],
    as_of: date,
    currency: str | None,
    targets: Mapping[str, Decimal],
    extra: Mapping[str, Decimal],
) -> Action | None:
    thresholds = []
    for test in d.tests:
        value, threshold = _value(test.kpi, found, extra), test.value
        if threshold is None:
            own = found.get(test.kpi)  # a product's own target
            threshold = own.target if own is not None and own.target is not None else targets.get(test.kpi)
        if value is None or threshold is None or not OPERATORS[test.op](value, threshold):
            return None
        thresholds.append((value, threshold))
    value, threshold = thresholds[0]
    about = found.get(d.tests[0].kpi)
    amount = _amount(d.worth, found, extra, value, threshold)
    money = currency or (about.currency if about else None) or ""
    say = about.say if about else _say_extra(d.tests[0].kpi, money)
    fields = {
        "value": say(value),
        "threshold": say(threshold),
        "amount": "" if amount is None else words.money(amount, money),
        "provider": scope.get("provider", ""),
        "product": scope.get("product", ""),
        "month": next((Month.parse(k.period).title for k in found.values()), ""),
        "previous": say(about.previous) if about and about.previous is not None else "not known",
    }
    name = about.name if about else EXTRA_NAMES.get(d.tests[0].kpi, d.tests[0].kpi)
    evidence = {t.kpi: written(v) for t, (v, _) in zip(d.tests, thresholds, strict=True)}
    evidence |= {f"{t.kpi} {t.op}": written(x) for t, (_, x) in zip(d.tests, thresholds, strict=True)}
    if about:
        evidence |= {f"sum {n}": written(v) for n, v in about.sums.items()}
    return Action(
        d.id + (f"/{scope[d.each]}" if d.each else ""),
        d.title.format(**fields),
        f"{name} is {fields['value']}, {IN_WORDS[d.tests[0].op]} {fields['threshold']}.",
        d.do.format(**fields),
        amount,
        money,
        d.owner,
        as_of + timedelta(days=d.within_days),
        d.tests[0].kpi,
        dict(scope),
        evidence,
        {
            "title": d.title,
            "do": d.do,
            "name": name,
            "compared": IN_WORDS[d.tests[0].op],
            "fields": fields,
        },
    )


def _say_extra(kpi: str, currency: str):
    """A number without a record is money, or a ratio where its name says share."""
    unit, digits = ("ratio", 1) if kpi.endswith("share") else ("currency", 0)
    return lambda value: words.quantity(value, unit, currency, digits)


def _value(kpi: str, found: Mapping[str, KpiResult], extra: Mapping[str, Decimal]) -> Decimal | None:
    return found[kpi].value if kpi in found else extra.get(kpi)


def _amount(
    worth: Worth | None,
    found: Mapping[str, KpiResult],
    extra: Mapping[str, Decimal],
    value: Decimal,
    threshold: Decimal,
) -> Decimal | None:
    """Money at stake a month [currency], never below zero."""
    if worth is None:
        return None
    k = found.get(worth.kpi)
    amount = k.sums.get(worth.sum) if k is not None and worth.sum else _value(worth.kpi, found, extra)
    if amount is None:
        return None
    if worth.less:
        less = threshold if worth.less == "threshold" else k.sums.get(worth.less) if k is not None else None
        if less is None:
            return None
        amount = CONTEXT.subtract(amount, less)
    if worth.times == "gap":
        amount = CONTEXT.multiply(amount, abs(CONTEXT.subtract(value, threshold)))
    elif worth.times == "value":
        amount = CONTEXT.multiply(amount, value)
    if worth.factor is not None:
        amount = CONTEXT.multiply(amount, worth.factor)
    if worth.times or worth.factor is not None:
        amount = Decimal(shown(amount))  # an estimate needs no fifty digits
    return max(amount, Decimal(0))


# Reading ---------------------------------------------------------------------------------------------------------


@cache
def _read(file: Path, changed: int) -> Playbook:
    text = file.read_text(encoding="utf-8")
    front = re.match(r"---\n(.*?)\n---\n", text, re.S)
    where = _Where(file)
    if not front:
        raise where.wrong("no front matter", "YAML between two lines of ---", "begin the page with it", row=1)
    try:
        raw = yaml.load(front[1], Loader=catalog.LOADER)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        raise where.wrong(
            f"YAML that cannot be read: {getattr(problem, 'problem', problem)}",
            "YAML front matter",
            "mend the line",
            row=mark.line + 2 if mark else 1,
        ) from problem
    where.lines = text.splitlines()
    data = where.mapping(raw, "front matter", KEYS)
    where.equal(data["id"], file.stem, "id", "the stem of the file")
    known = responsibilities()
    where.one_of(data["persona"], known, "persona")
    for duty in data["responsibilities"]:
        where.one_of(duty, known[data["persona"]], "responsibilities")
    for name in data["needs"]:
        where.one_of(name, ["charges", *catalog.COMPANIONS], "needs")
    targets = dict(_target(where, t) for t in data["targets"])
    decisions = tuple(_decision(where, d, targets, data["responsibilities"]) for d in data["decisions"])
    where.unique([d.id for d in decisions], "decisions")
    body = text[front.end() :]
    sections = _sections(where, body)
    for duty in data["responsibilities"]:
        if not any(f"`{duty}`" in t for t in sections.values()):
            needed = "its id in backticks under the heading that serves it"
            raise where.wrong(
                f"{duty} served nowhere", needed, "write the step", where.line(duty), "responsibilities"
            )
    title = re.search(r"^# (.+)$", body, re.M)
    return Playbook(
        data["id"],
        data["persona"],
        tuple(data["responsibilities"]),
        data["capability"],
        data["question"],
        data["cadence"],
        tuple(data["needs"]),
        targets,
        decisions,
        tuple(data["sources"]),
        sections,
        title[1] if title else data["id"],
    )


class _Where:
    """Says where in the page something is wrong, and what would be right."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: list[str] = []
        self.start = 0  # where the entry being read begins

    def wrong(self, found: str, needed: str, remedy: str, row: int | None = None, key: str = "") -> BadInput:
        return BadInput(found, needed, remedy, file=str(self.file), row=row, column=key or None)

    def line(self, text: object) -> int | None:
        """Line that holds a text, for the message: from the entry being read on, else from the top."""
        rows = range(len(self.lines))
        return next((n + 1 for n in (*rows[self.start :], *rows) if str(text) in self.lines[n]), None)

    def mapping(
        self, raw: Any, key: str, must: Mapping[str, type], may: Mapping[str, type] | None = None
    ) -> dict[str, Any]:
        may = may or {}
        if not isinstance(raw, dict):
            raise self.wrong(
                f"{raw!r}", f"names and values: {', '.join(must)}", "see docs/add-a-playbook.md", key=key
            )
        for name in ("id", "kpi"):
            if name in raw and name in must and key.split(",")[0] in ("targets", "decisions"):
                begin = re.compile(rf"{name}: {re.escape(str(raw[name]))}(?![\w-])")
                self.start = next((n for n, line in enumerate(self.lines) if begin.search(line)), 0)
                break
        for name in raw:
            self.one_of(name, [*must, *may], key)
        for name, kind in must.items():
            if name not in raw:
                raise self.wrong(f"no {name}", f"{name} ({kind.__name__})", "add it", self.start + 1, key)
        for name, value in raw.items():
            kind = (dict(must) | dict(may))[name]
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)) or value == "":
                raise self.wrong(
                    f"{name}: {value!r}",
                    f"{name} ({kind.__name__})",
                    "correct it",
                    self.line(f"{name}: {value}") or self.line(f"{name}:"),
                    f"{key}, {name}",
                )
        return raw

    def one_of(self, value: Any, allowed: Iterable[str], key: str) -> None:
        allowed = list(allowed)
        if value in allowed:
            return
        nearest = difflib.get_close_matches(str(value), allowed, 1)
        raise self.wrong(
            f"{value!r}",
            f"one of {', '.join(allowed[:30])}",
            f"did you mean {nearest[0]}?" if nearest else "take one of these",
            self.line(value),
            key,
        )

    def equal(self, value: str, needed: str, key: str, what: str) -> None:
        if value != needed:
            raise self.wrong(
                f"{key} {value!r}", f"{needed!r}, {what}", "make them equal", self.line(value), key
            )

    def unique(self, values: Sequence[str], key: str) -> None:
        for v in values:
            if values.count(v) > 1:
                raise self.wrong(f"{v!r} twice", "each id once", "rename one", self.line(v), key)

    def number(self, value: Any, key: str) -> Decimal:
        """A number of the page, exact: YAML's float is taken as it is written."""
        if not isinstance(value, bool) and isinstance(value, int | float | str):
            try:
                number = Decimal(str(value))
                if number.is_finite():
                    return number
            except InvalidOperation:
                pass
        raise self.wrong(f"{value!r}", "a number", "write it like 0.8", self.line(value), key)

    def kpi(self, id: str, variant: str, key: str) -> str:
        """``id`` or ``id:variant`` of a record with such a variant."""
        self.one_of(id, [r.id for r in catalog.records()], key)
        self.one_of(variant, [v.name for v in catalog.record(id).variants], f"{key}, variant")
        return f"{id}:{variant}" if variant else id


def _target(where: _Where, raw: Any) -> tuple[str, Decimal]:
    t = where.mapping(raw, "targets", {"kpi": str, "value": object}, {"variant": str, "why": str})
    key = where.kpi(t["kpi"], t.get("variant", ""), "targets")
    if catalog.record(t["kpi"]).direction == "neutral":
        raise where.wrong(
            f"a target for {key}",
            "a KPI of which more or less is better",
            "drop it",
            where.line(t["kpi"]),
            "targets",
        )
    return key, where.number(t["value"], "targets, value")


def _decision(where: _Where, raw: Any, targets: Mapping[str, Decimal], duties: Sequence[str]) -> Decision:
    key = f"decisions, {raw['id']}" if isinstance(raw, dict) and "id" in raw else "decisions"
    d = where.mapping(raw, key, DECISION, DECISION_MAY)
    tests = [_test(where, d["kpi"], d.get("variant", ""), d["when"], key)]
    for more in d.get("and", []):
        m = where.mapping(more, f"in {key}, and", {"kpi": str, "when": dict}, {"variant": str})
        tests.append(_test(where, m["kpi"], m.get("variant", ""), m["when"], key))
    for text in (d["title"], d["do"]):
        _template(where, text, key)
    if d["within_days"] < 0:
        raise where.wrong(
            f"within_days {d['within_days']}", "days from today", "0 or more", where.line(d["id"]), key
        )
    if "each" in d:
        where.one_of(d["each"], ["provider", "product"], f"{key}, each")
    for duty in d.get("serves", []):
        where.one_of(duty, duties, f"{key}, serves")
    return Decision(
        d["id"],
        tuple(tests),
        d["title"],
        d["do"],
        d["owner"],
        d["within_days"],
        _worth(where, d["value_from"], key) if "value_from" in d else None,
        d.get("each", ""),
        tuple(d.get("serves", [])),
    )


def _test(where: _Where, kpi: str, variant: str, when: Any, key: str) -> Test:
    where.mapping(when, f"in {key}, when", {"op": str, "value": object})
    where.one_of(when["op"], OPERATORS, f"{key}, when, op")
    name = f"change:{variant}" if _is_cause(kpi, variant) else where.kpi(kpi, variant, f"{key}, kpi")
    value = None if when["value"] == "target" else where.number(when["value"], f"{key}, when, value")
    return Test(name, when["op"], value)


def _is_cause(kpi: str, variant: str) -> bool:
    """A number of `causes`: it stands under ``change`` and is no KPI of its own."""
    from helpers.measures.change import CAUSES

    return kpi == "change" and variant in (*CAUSES, "rates", "rates-share")


def _worth(where: _Where, raw: Any, key: str) -> Worth:
    w = where.mapping(
        raw,
        f"in {key}, value_from",
        {"kpi": str},
        {"variant": str, "sum": str, "less": str, "times": str, "factor": object},
    )
    variant = w.get("variant", "")
    name = (
        f"change:{variant}"
        if _is_cause(w["kpi"], variant)
        else where.kpi(w["kpi"], variant, f"{key}, value_from")
    )
    if "times" in w:
        where.one_of(w["times"], TIMES, f"{key}, value_from, times")
    factor = where.number(w["factor"], f"{key}, value_from, factor") if "factor" in w else None
    return Worth(name, w.get("sum", ""), w.get("less", ""), w.get("times", ""), factor)


def _template(where: _Where, text: str, key: str) -> None:
    """A sentence may hold names in braces, nothing that looks inside them."""
    try:
        parts = list(string.Formatter().parse(text))
    except ValueError as problem:
        raise where.wrong(
            f"{text!r}: {problem}", "names in braces", "mend the braces", where.line(text), key
        ) from None
    for _, name, spec, conversion in parts:
        if name is not None and (name not in FIELDS or spec or conversion):
            raise where.wrong(
                f"{{{name}}}",
                f"one of {', '.join(sorted(FIELDS))} in braces",
                "take one of these",
                where.line(f"{{{name}"),
                key,
            )


def _sections(where: _Where, body: str) -> dict[str, str]:
    """Text under the six headings, which stand in their order."""
    parts = re.split(r"^## (.+)$", body, flags=re.M)
    found = [h.strip() for h in parts[1::2]]
    if found != list(HEADINGS):
        raise where.wrong(
            f"headings {', '.join(found) or 'none'}",
            " · ".join(HEADINGS),
            "give the page these six, in this order",
            where.line("## "),
        )
    sections = dict(zip(found, (t.strip() for t in parts[2::2]), strict=True))
    for heading, text in sections.items():
        if not text:
            raise where.wrong(f"nothing under {heading}", "text", "write it", where.line(f"## {heading}"))
    return sections
