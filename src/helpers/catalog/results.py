"""The catalog's KPIs over a user's charges: values, history, targets, and why a value is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from helpers.catalog import kpis as catalog
from helpers.catalog import words
from helpers.catalog.kpis import Record, Variant
from helpers.terms.errors import UsageError
from helpers.terms.money import CONTEXT, NAN, exact, plain, ratio, shown, total
from helpers.terms.period import Month

PERIOD, CURRENCY = "x_KitPeriod", "BillingCurrency"
DIMENSIONS = {  # name in a scope -> column
    "provider": "ServiceProviderName",
    "department": "x_KitDepartment",
    "service": "ServiceName",
    "account": "SubAccountId",
    "region": "RegionId",
}
NO_NAME = "(no name)"
SUMS = ("currency", "charges")  # units of sums, which keep all digits; the rest are quotients
ORDINARY_NULLS = {"ChargeClass", "CommitmentDiscountStatus"}  # null says "none of this", not "unknown"
Table = Any
Taken = dict[tuple[str, str], tuple[Decimal, dict[str, Decimal]]]  # (period, currency) -> value, sums


@dataclass(frozen=True)
class KpiResult:
    """One KPI of one month, scope and currency.

    Attributes
    ----------
    id, name, variant : str
    scope : dict
        Such as {"provider": "AWS"}; {} for all.
    value : Decimal or None
        [unit]; None with a `reason`.
    unit, currency, period : str
        As of a measure; BillingCurrency (None for what has no money in it); ``YYYY-MM``.
    benchmark : dict or None
        Published figures by name, their source and scope, where this scope may be compared.
    target : Decimal or None
        The playbook's or the company's [unit].
    status : str
        ``met``, ``missed``, ``no target`` or ``no value``.
    definition : str
        Formula in words, and whose it is.
    link : str
        The Foundation's page, empty for ours.
    previous, change : Decimal or None
        The month before, and the difference [unit].
    history : tuple of (str, Decimal or None)
        Months and values, oldest first, this month last.
    direction : str
        ``up``, ``down`` or ``neutral``: what is better.
    digits : int
        Places for people.
    sums : dict
        The exact sums behind the value, by name.
    """

    id: str
    name: str
    variant: str
    scope: Mapping[str, str]
    value: Decimal | None
    reason: str
    unit: str
    currency: str | None
    period: str
    benchmark: Mapping[str, Any] | None
    target: Decimal | None
    status: str
    definition: str
    link: str
    previous: Decimal | None
    change: Decimal | None
    history: tuple[tuple[str, Decimal | None], ...]
    direction: str = "neutral"
    digits: int = 0
    shown_as: str = ""
    sums: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """``id`` or ``id:variant``."""
        return f"{self.id}:{self.variant}" if self.variant else self.id

    @property
    def text(self) -> str:
        """The value for people, ``15 %``; ``not known`` where there is none."""
        return "not known" if self.value is None else self.say(self.value)

    def say(self, value: Decimal) -> str:
        """Another value in this KPI's unit, for people."""
        return words.quantity(value, self.unit, self.currency, self.digits, self.shown_as)

    def number(self, value: Decimal | None) -> str | None:
        """A value as ``results.json`` has it: sums with all digits, quotients at 12 places."""
        if value is None:
            return None
        return plain(value) if self.unit in SUMS else shown(value)

    def record(self) -> dict[str, Any]:
        """Plain data for ``results.json``."""
        plain_data: dict[str, Any] = {"id": self.id, "name": self.name}
        if self.variant:
            plain_data["variant"] = self.variant
        plain_data |= {"scope": dict(self.scope), "value": self.number(self.value)}
        if self.value is None:
            plain_data["reason"] = self.reason
        return plain_data | {
            "unit": self.unit,
            "currency": self.currency,
            "period": self.period,
            "previous": self.number(self.previous),
            "benchmark": self.benchmark and dict(self.benchmark),
            "target": self.number(self.target),
            "status": self.status,
            "definition": self.definition,
            "link": self.link,
        }


@dataclass(frozen=True)
class Plan:
    """One variant to be taken over one table: its measure, or why there is none."""

    record: Record
    variant: Variant
    measure: Any = None
    reason: str = ""


def compute(
    charges: Table,
    notebook_id: str,
    month: Month | str,
    *,
    as_of: date,
    currency: str | None = None,
    history: int = 13,
    scope: Mapping[str, str] | None = None,
    deliveries: Any = None,
    sources: Any = None,
    invoices: Any = None,
    targets: Any = None,
    **companions: Any,
) -> list[KpiResult]:
    """All KPIs of a notebook for one month, in as few passes over the charges as can be.

    Parameters
    ----------
    charges : ibis Table
        As ``open_charges`` gives it; columns as each record names them.
    notebook_id : str
    month : Month or str
    as_of : date
        Today: a month that is not over is measured over the days that its charges cover.
    currency : str, optional
        BillingCurrency; all of them, each by itself, when None.
    history : int, default 13
        Months of history [months], this one included.
    scope : mapping, optional
        Only charges of these, by names of `DIMENSIONS`: {"provider": "AWS"}.
    deliveries, sources, invoices : DataFrame, optional
        Companions, with the columns of `catalog.kpis.COMPANION_COLUMNS`. A register of sources may leave out `loaded`
        where deliveries name their source.
    targets : mapping or DataFrame, optional
        ``id`` or ``id:variant`` -> target; or columns kpi, target. The playbook's fill what is not named.
    **companions
        Further companions by name: `contracts`; `budgets` (month, department, amount, currency), whose month is the burn
        rate's target; those that no KPI takes are left alone.

    Returns
    -------
    list of KpiResult
        In the catalog's order; the whole scope first, then by provider. What cannot be computed has value None and a
        reason.

    Examples
    --------
    >>> compute(charges, "practitioner_kpis", "2026-09", as_of=date(2026, 10, 5))  # doctest: +SKIP
    """
    which = Month.parse(month) if isinstance(month, str) else month
    records = catalog.of_notebook(notebook_id)
    base = dict(scope or {})
    table = _scoped(charges, base, currency)
    first = which.plus(1 - history)
    window = table.filter(table[PERIOD] >= str(min(first, which.plus(-1))), table[PERIOD] <= str(which))
    known_sources = register(sources, deliveries)
    given = {"deliveries": deliveries, "sources": known_sources, "invoices": invoices, **companions}
    days = _open_days(table, which, as_of)

    @cache
    def aims(money: str | None) -> dict[str, Decimal]:
        """Targets of KPIs in one currency: each has a budget of its own."""
        return _targets(targets, notebook_id, _budget(companions.get("budgets"), which, base, money))

    run = _Run(which, history, base, currency, aims, {} if days is None else {str(which): days}, given)
    results = run.whole(window, records, days)
    if "provider" not in base:
        recent = table.filter(table[PERIOD].isin([str(which.plus(-1)), str(which)]))
        results += run.by_provider(recent, records)
    return results


@dataclass
class _Run:
    which: Month
    history: int
    base: dict[str, str]
    currency: str | None
    targets: Callable[[str | None], Mapping[str, Decimal]]
    days: dict[str, int]
    given: dict[str, Any]

    def whole(self, window: Table, records: Iterable[Record], open_days: int | None) -> list[KpiResult]:
        """Every variant for all charges, with history."""
        now = window.filter(window[PERIOD] == str(self.which))
        plans = [
            planned(r, v, now if v.once else window, [PERIOD], self.days, self.given)
            for r in records
            for v in r.variants
            if not v.only and not v.derived
        ]
        taken, present = take(plans, window, [PERIOD])
        for n, plan in enumerate(plans):
            if "invoices" in plan.variant.takes and plan.measure is not None:
                taken[n] = self.invoiced(window, plan)
            taken[n] = {group: _safe(plan, v, present.get(group, {})) for group, v in taken[n].items()}
        currencies = [self.currency] if self.currency else self.found(taken)
        lacking = self.lacking(window, plans, taken, currencies)
        results = []
        for money in currencies:
            done: dict[tuple[str, str], KpiResult] = {}
            for n, plan in enumerate(plans):
                values = {p: v for (p, c), v in taken[n].items() if c == money}
                if plan.measure is not None and plan.measure.table is None:
                    values = {str(self.which): v for v in taken[n].values()}
                result = self.result(plan, values, self.base, money, lacking.get(n))
                done[plan.record.id, plan.variant.name] = result
            if effective := done.get(("total-effective-cost", "")):
                pair = self.pair(window, effective, open_days)
                for r in records:
                    for v in r.variants:
                        if v.derived == "change":
                            done[r.id, v.name] = self.changed(r, v, pair, money)
            keys = [(r.id, v.name) for r in records for v in r.variants if not v.only]
            every = [done[key] for key in keys if key in done]  # what the notebook finds itself comes later
            # what has no currency stands once, with the first
            results += [k for k in every if k.currency is not None or money == currencies[0]]
        return results

    def by_provider(self, recent: Table, records: Iterable[Record]) -> list[KpiResult]:
        """The main KPIs by provider, this month and the one before."""
        column = DIMENSIONS["provider"]
        by = [PERIOD, column]
        plans = [
            planned(r, v, recent, by, self.days, self.given)
            for r in records
            if "provider" in r.split
            for v in r.variants
            if not v.derived and not v.needs
        ]
        plans = [p for p in plans if p.measure is not None]
        results = []
        taken, present = take(plans, recent, by)
        names = sorted({(p, c, name) for t in taken for (p, c, name) in t if p == str(self.which)}, key=str)
        for n, plan in enumerate(plans):
            for _, money, name in names:
                if plan.variant.only and not _same_provider(name, plan.variant.only):
                    continue
                values = {
                    p: _safe(plan, v, present.get((p, c, who), {}))
                    for (p, c, who), v in taken[n].items()
                    if c == money and who == name
                }
                scope = self.base | {"provider": NO_NAME if name is None else name} | _usage(plan.variant)
                results.append(self.result(plan, values, scope, money, None))
        return results

    def invoiced(self, window: Table, plan: Plan) -> Taken:
        """A measure against invoices, month by month: each month only with its own invoices."""
        invoices, make = self.given["invoices"], catalog.function(plan.variant)
        months = [str(self.which.plus(-n)) for n in range(self.history) if self.history]
        months = [m for m in months if (invoices["period"] == m).any()]
        plans = [
            Plan(plan.record, plan.variant, make(window, invoices[invoices["period"] == m])) for m in months
        ]
        found: Taken = {}
        for m, taken in zip(months, take(plans, window, [])[0], strict=True):
            found |= {(m, currency): value for (currency,), value in taken.items()}
        return found

    def found(self, taken: list[Taken]) -> list[Any]:
        """Currencies of the month."""
        named = sorted({c for t in taken for (p, c) in t if p == str(self.which) and c})
        return [*named] or [None]

    def lacking(
        self, window: Table, plans: list[Plan], taken: list[Taken], currencies: Sequence[Any]
    ) -> dict[int, str]:
        """Why a KPI without value has none, where a column is null in every charge of the month; one pass."""
        asked = {
            n: [c for c in p.variant.columns if c not in ORDINARY_NULLS]
            for n, p in enumerate(plans)
            if p.measure is not None and any(not _any(taken[n].get((str(self.which), c))) for c in currencies)
        }
        columns = sorted({c for wanted in asked.values() for c in wanted})
        if not columns:
            return {}
        rows = window.filter(window[PERIOD] == str(self.which))
        counts = rows.aggregate(**{c: rows[c].count() for c in columns}).to_pyarrow().to_pylist()[0]
        empty = {n: [c for c in wanted if not counts[c]] for n, wanted in asked.items()}
        return {n: f"{', '.join(e)} null in every charge of {self.which}" for n, e in empty.items() if e}

    def result(
        self,
        plan: Plan,
        values: Mapping[str, tuple[Decimal, dict[str, Decimal]]],
        scope: Mapping[str, str],
        currency: str | None,
        lacking: str | None,
    ) -> KpiResult:
        r, v = plan.record, plan.variant
        value, sums = values.get(str(self.which), (NAN, {}))
        reason = plan.reason or "; ".join(t for t in (v.empty, lacking) if t) or "no charges"
        before = known(values[p][0]) if (p := str(self.which.plus(-1))) in values else None
        if self.days and v.unit in SUMS:
            before = None  # part of a month beside a whole one is no change
        months = [str(self.which.plus(n + 1 - self.history)) for n in range(self.history)]
        past = tuple((m, known(values[m][0]) if m in values else None) for m in months)
        without_money = not v.money or (plan.measure is not None and plan.measure.table is None)
        return self.finish(
            r, v, scope, known(value), reason, None if without_money else currency, before, past, sums
        )

    def pair(
        self, window: Table, effective: KpiResult, open_days: int | None
    ) -> tuple[Decimal | None, Decimal | None]:
        """Effective cost of the month before and of the month, over equal days where the month is open."""
        if open_days is None:
            return effective.previous, effective.value
        if not open_days:
            return None, None
        from helpers.measures import change, evaluate, totals

        both = []
        for m in (self.which.plus(-1), self.which):
            part = change.first_days(window, m, min(open_days, m.days))
            found = evaluate([totals.total(part, "EffectiveCost")])
            by_currency = dict(zip(found[CURRENCY], found["total-effective-cost"], strict=True))
            both.append(known(by_currency.get(effective.currency, NAN)))
        return both[0], both[1]

    def changed(
        self, r: Record, v: Variant, pair: tuple[Decimal | None, Decimal | None], currency: str | None
    ) -> KpiResult:
        before, now = pair
        value, sums = None, {}
        if before is not None and now is not None:
            difference = CONTEXT.subtract(now, before)
            value = difference if v.unit == "currency" else known(ratio(difference, before))
            sums = {"now": now, "before": before, "difference": difference}
        return self.finish(r, v, self.base, value, v.empty, currency, None, (), sums)

    def finish(
        self,
        r: Record,
        v: Variant,
        scope: Mapping[str, str],
        value: Decimal | None,
        reason: str,
        currency: str | None,
        previous: Decimal | None,
        past: tuple[tuple[str, Decimal | None], ...],
        sums: Mapping[str, Decimal],
    ) -> KpiResult:
        key = f"{r.id}:{v.name}" if v.name else r.id
        target = self.targets(currency).get(key) if dict(scope) == self.base else None
        return KpiResult(
            r.id,
            r.short,
            v.name,
            dict(scope),
            value,
            "" if value is not None else reason,
            v.unit,
            currency,
            str(self.which),
            _benchmark(r, scope),
            target,
            _status(value, target, r.direction),
            definition(r, v),
            r.link,
            previous,
            CONTEXT.subtract(value, previous) if value is not None and previous is not None else None,
            past,
            r.direction,
            v.digits,
            r.shown_as,
            dict(sums),
        )


def found(numbers: Iterable[Mapping[str, Any]], month: Month | str) -> list[KpiResult]:
    """KPIs that a notebook finds itself (``derived: notebook`` in the catalog), such as one for each product.

    Parameters
    ----------
    numbers : iterable of mapping
        ``kpi`` (an id), ``value`` (Decimal, NaN where there is none), ``currency`` (None without money); may have ``variant``,
        ``scope`` (dict such as {"product": "Shop"}), ``reason``, ``target``, ``previous``, ``history`` (pairs of month and value),
        ``sums`` (exact amounts by name), ``unit`` and ``digits`` of its own.
    month : Month

    Returns
    -------
    list of KpiResult
        In the same order; a value that is NaN becomes None with its reason.
    """
    results = []
    for n in numbers:
        r = catalog.record(n["kpi"])
        v = next(x for x in r.variants if x.name == n.get("variant", ""))
        value, previous, target = (known(n.get(k, NAN)) for k in ("value", "previous", "target"))
        reason = "" if value is not None else n.get("reason") or v.empty
        results.append(
            KpiResult(
                r.id,
                r.short,
                v.name,
                dict(n.get("scope", {})),
                value,
                reason,
                n.get("unit", v.unit),
                n["currency"],
                str(month),
                None,
                target,
                _status(value, target, r.direction),
                definition(r, v),
                r.link,
                previous,
                CONTEXT.subtract(value, previous) if value is not None and previous is not None else None,
                tuple(n.get("history", ())),
                r.direction,
                n.get("digits", v.digits),
                r.shown_as,
                dict(n.get("sums", {})),
            )
        )
    return results


def definition(r: Record, v: Variant) -> str:
    """The formula in words, and whose it is."""
    if r.number is None:
        return f"{v.formula} A KPI of this kit."
    whose = {
        "foundation": "whose formula this puts in our words",
        "ours": "for which the library's copy prints no formula: this is our reading of its description",
    }
    return f"{v.formula} FinOps Foundation KPI {r.number}, {r.name}, {whose[r.definition]}."


def planned(
    r: Record,
    v: Variant,
    charges: Table,
    by: Sequence[str],
    days: Mapping[str, int],
    given: Mapping[str, Any],
) -> Plan:
    """The variant's measure over these charges and companions, or why there is none."""
    missing = [c for c in v.columns if c not in charges.columns]
    if missing:
        return Plan(r, v, reason=f"the charges have no column {', '.join(missing)}")
    for name in v.needs:
        table = given.get(name)
        if table is None:
            return Plan(r, v, reason=f"needs {catalog.COMPANIONS[name]}")
        absent = [c for c in catalog.COMPANION_COLUMNS.get(name, ()) if c not in table.columns]
        if absent:
            return Plan(r, v, reason=f"the table {name} has no column {', '.join(absent)}")
    inputs = dict(given) | {"charges": charges}
    own = {"by": list(by), "days": days}
    arguments = dict(v.arguments) | {name: own[name] for name in v.takes if name in own}
    if v.usage:
        from helpers.measures.savings import Scope

        arguments["scope"] = Scope(**v.usage)
    return Plan(r, v, catalog.function(v)(*(inputs[t] for t in v.takes if t not in own), **arguments))


def take(
    plans: list[Plan], charges: Table, by: list[str]
) -> tuple[list[Any], dict[tuple, dict[str, Decimal]]]:
    """Values and sums of each plan by (period, currency[, more]), and how many values required columns hold."""
    from helpers.measures import Measure, evaluate
    from helpers.measures.measure import number

    wrapped, alone, columns = [], [], set()
    for n, plan in enumerate(plans):
        m = plan.measure
        if m is None:
            continue
        one = replace(m, id=f"k{n}", variant="", value=_with_sums(m))
        (alone if m.table is None else wrapped).append(one)
        columns |= set(plan.variant.required)
    if by:
        for c in sorted(columns):
            wrapped.append(
                Measure(f"n:{c}", {"n": charges[c].count()}, lambda s: number(s["n"]), "charges", charges)
            )
    order = [by[0], CURRENCY, *by[1:]] if by else [CURRENCY]
    taken: list[Any] = [{} for _ in plans]
    present: dict[tuple, dict[str, Decimal]] = {}
    for measures, keys, split in ((wrapped, order, by), (alone, [CURRENCY], [])):
        if not measures:
            continue
        for row in evaluate(measures, by=split).to_dict("records"):
            group = tuple(row[k] for k in keys)
            for m in measures:
                if m.id.startswith("n:"):
                    present.setdefault(group, {})[m.id[2:]] = row[m.id]
                else:
                    taken[int(m.id[1:])][group if m.table is not None or not by else ("", *group)] = row[m.id]
    return taken, present


def _safe(plan: Plan, value: tuple[Decimal, dict[str, Decimal]], present: Mapping[str, Decimal]):
    """NaN where a required column holds nothing: the number would be wrong, not missing."""
    return (NAN, {}) if any(not present.get(c, 1) for c in plan.variant.required) else value


def _with_sums(m: Any):
    names = tuple(m.sums)

    def both(s: Mapping[str, Any]) -> tuple[Decimal, dict[str, Decimal]]:
        return m.value(s), {n: s[n] for n in names if isinstance(s[n], Decimal)}

    return both


def _scoped(charges: Table, scope: Mapping[str, str], currency: str | None) -> Table:
    for name, value in scope.items():
        if name not in DIMENSIONS:
            raise UsageError(f"scope {name!r}", f"one of {', '.join(DIMENSIONS)}", "name a known dimension")
        charges = charges.filter(charges[DIMENSIONS[name]] == value)
    return charges.filter(charges[CURRENCY] == currency) if currency else charges


def _open_days(charges: Table, which: Month, as_of: date) -> int | None:
    """Days that the charges of an open month cover; None for a month that is over."""
    if as_of >= which.end.date():
        return None
    from helpers.measures import change

    return change.days_covered(charges, which)


def register(sources: Any, deliveries: Any) -> Any:
    """The register of known sources, with what is loaded said by the record of deliveries (column source)."""
    if (
        sources is None
        or "loaded" in sources.columns
        or deliveries is None
        or "source" not in deliveries.columns
    ):
        return sources
    return sources.assign(loaded=sources["source"].isin(set(deliveries["source"])))


def _budget(budgets: Any, which: Month, scope: Mapping[str, str], currency: str | None) -> dict[str, Decimal]:
    """The month's budget as a target of the burn rate [currency/day]: the company's line, else its departments' sum."""
    if budgets is None or currency is None or set(scope) - {"department"}:
        return {}
    rows = [
        (department if isinstance(department, str) else "", exact(amount))
        for m, department, amount, money in zip(
            budgets["month"], budgets["department"], budgets["amount"], budgets["currency"], strict=True
        )
        if str(m) == str(which) and money == currency
    ]
    wanted = scope.get("department", "")
    lines = [a for d, a in rows if d == wanted] or [a for d, a in rows if not wanted]
    return {"csp-cloud-budget-burn-rate": ratio(total(lines), which.days)} if lines else {}


def _targets(given: Any, notebook_id: str, budget: Mapping[str, Decimal]) -> dict[str, Decimal]:
    from helpers.catalog import playbooks

    aims = dict(playbooks.playbook(notebook_id).targets) if notebook_id in playbooks.ids() else {}
    aims |= budget
    if given is None:
        return aims
    pairs = given.items() if isinstance(given, Mapping) else zip(given["kpi"], given["target"], strict=True)
    return aims | {key: Decimal(value) for key, value in pairs}


def _benchmark(r: Record, scope: Mapping[str, str]) -> dict[str, Any] | None:
    b = r.benchmark
    if b is None:
        return None
    for name, needed in b.scope.items():
        held = scope.get(name)
        if not (_same_provider(held, needed) if name == "provider" else held == needed):
            return None
    return {"values": {name: plain(v) for name, v in b.values.items()}, "source": b.source}


def _same_provider(name: str | None, short: str) -> bool:
    """Exporters call AWS `AWS`, `Amazon` or `Amazon Web Services`."""
    aliases = {"AWS": ("aws", "amazon")}
    return any(a in (name or "").lower() for a in aliases.get(short, (short.lower(),)))


def _status(value: Decimal | None, target: Decimal | None, direction: str) -> str:
    if value is None:
        return "no value"
    if target is None or direction == "neutral":
        return "no target"
    return "met" if (value >= target if direction == "up" else value <= target) else "missed"


def _usage(v: Variant) -> dict[str, str]:
    """What a savings rate's own scope adds to a result's."""
    if not v.usage:
        return {}
    left_out = [name for name, kept in v.usage.items() if kept is False]
    inside = {name: kept for name, kept in v.usage.items() if isinstance(kept, str)}
    return inside | ({"without": ", ".join(left_out)} if left_out else {})


def known(value: Decimal | None) -> Decimal | None:
    return None if value is None or value.is_nan() else value


def _any(taken: tuple[Decimal, dict] | None) -> bool:
    return taken is not None and known(taken[0]) is not None
