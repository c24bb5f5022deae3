"""Setting a budget: last year and its growth, drivers and their unit costs, or from zero; against a total from above.

Each way gives an amount for each department and month; every department foots over its months, and all of them together,
to the cent. Formulas and limits: docs/forecast.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures.measure import CURRENCY, Table, month, number
from helpers.measures.resources import STILL
from helpers.measures.spend import NOBODY
from helpers.terms.money import CONTEXT, foot, ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

Amounts = Mapping[tuple[str, str], Decimal]  # (month, department) -> amount
LEAST, MOST = Decimal("0.5"), Decimal("1.5")  # growth of a year beyond which a person should say it
ONE = Decimal(1)
COLUMNS = ("month", "department", "amount", "currency", "version", "approved_by", "approved_on")


@dataclass(frozen=True)
class Way:
    """One way to a budget.

    Attributes
    ----------
    name : str
    amounts : dict
        (month, department) -> amount [currency], to the cent.
    notes : tuple of str
        What a person must know before approving.
    """

    name: str
    amounts: dict[tuple[str, str], Decimal]
    notes: tuple[str, ...] = ()

    def of(self, department: str) -> Decimal:
        """A department's amount over all months."""
        return add(a for (_, d), a in self.amounts.items() if d == department)

    @property
    def total(self) -> Decimal:
        """All departments and months."""
        return add(self.amounts.values())


def spread(
    totals: Mapping[str, Decimal], months: Sequence[Month], profiles: Mapping[str, Mapping[int, Decimal]]
) -> dict[tuple[str, str], Decimal]:
    """Spread each department's amount over months by days and season.

    Parameters
    ----------
    totals : mapping
        Department to its amount over all months [currency].
    months : sequence of Month
    profiles : mapping
        Department to calendar month (1 to 12) to what a day of it costs against a mean day [1]; 1 where not given.

    Returns
    -------
    dict
        (month, department) -> amount to the cent. Departments foot to the total of `totals`, months to their department,
        both by largest remainder.
    """
    names = list(totals)
    found = {}
    for name, whole in zip(names, foot([totals[n] for n in names]), strict=True):
        profile = profiles.get(name, {})
        weights = [CONTEXT.multiply(profile.get(m.month, ONE), Decimal(m.days)) for m in months]
        every = add(weights)
        parts = [CONTEXT.multiply(whole, ratio(w, every)) for w in weights]
        # quotients of fifty digits: what they miss of the whole is no cent, but it must not move the rounding of their sum
        parts[-1] = CONTEXT.add(parts[-1], CONTEXT.subtract(whole, add(parts)))
        found |= {(str(m), name): a for m, a in zip(months, foot(parts), strict=True)}
    return found


def profile(actual: Mapping[str, Decimal], closed: Sequence[Month]) -> dict[int, Decimal]:
    """Season of one series: each calendar month's cost of a day against a mean day [1]; empty below two whole years.

    Classical decomposition: a day's cost of the month ÷ its centred mean of twelve months, mean over the n years in which
    it was seen, shrunk towards 1 by n ÷ (n + 1), brought to a mean of 1.

    Parameters
    ----------
    actual : mapping of str to Decimal
        Month to cost [currency].
    closed : sequence of Month
        Consecutive closed months, oldest first.
    """
    daily = [ratio(actual.get(str(m), Decimal(0)), m.days) for m in closed]
    if len(closed) < 24 or any(d <= 0 for d in daily):
        return {}
    seen: dict[int, list[Decimal]] = {}
    for i in range(6, len(closed) - 6):
        around = add([*daily[i - 5 : i + 6], ratio(daily[i - 6] + daily[i + 6], 2)])
        seen.setdefault(closed[i].month, []).append(ratio(daily[i] * 12, around))
    if len(seen) < 12:
        return {}
    means = {m: ONE + ratio(add(v) - len(v), len(v) + 1) for m, v in seen.items()}
    middle = ratio(add(means.values()), 12)
    return {m: ratio(v, middle) for m, v in sorted(means.items())}


def profiles(actual: Amounts, closed: Sequence[Month]) -> dict[str, dict[int, Decimal]]:
    """Each department's own season from three years on, below that the company's, none where that is not known.

    A department's shape seen once or twice is what happened to it, not its season.
    """
    names = sorted({d for _, d in actual})
    company = profile({str(m): add(a for (k, _), a in actual.items() if k == str(m)) for m in closed}, closed)
    if len(closed) < 36:
        return dict.fromkeys(names, company)
    return {n: profile({m: a for (m, d), a in actual.items() if d == n}, closed) or company for n in names}


def last_year(
    actual: Amounts, closed: Sequence[Month], months: Sequence[Month], seasons: Mapping[str, Any]
) -> Way:
    """Last year's cost a day, times its growth, times the days to come.

    Growth is the last three closed months against the same three a year before, a day each; 1 where they are not known.
    A department younger than a year is taken at its mean day since it began. Growth beyond `LEAST` and `MOST` is cut and
    named.
    """
    year, notes, totals = list(closed[-12:]), [], {}
    for name in sorted({d for m, d in actual if m in {str(c) for c in year}}):
        mine = [m for m in year if (str(m), name) in actual]
        base = ratio(add(actual[str(m), name] for m in mine), sum(m.days for m in mine))
        now, then = closed[-3:], closed[-15:-12]
        growth = ONE
        if len(then) == 3 and all((str(m), name) in actual for m in (*now, *then)):
            growth = ratio(_a_day(actual, name, now), _a_day(actual, name, then))
        else:
            notes.append(f"{name}: no growth, it is not known for the same months a year ago")
        if growth.is_nan() or not LEAST <= growth <= MOST:
            cut = ONE if growth.is_nan() else min(max(growth, LEAST), MOST)
            notes.append(f"{name}: growth of {growth:.2f} cut to {cut:.2f}; say what it will be")
            growth = cut
        totals[name] = CONTEXT.multiply(CONTEXT.multiply(base, growth), Decimal(sum(m.days for m in months)))
    return Way("last year × growth", spread(totals, months, seasons), tuple(notes))


def _a_day(actual: Amounts, name: str, months: Sequence[Month]) -> Decimal:
    return ratio(add(actual[str(m), name] for m in months), sum(m.days for m in months))


def running(charges: Table, which: Month, *, currency: str) -> pd.DataFrame:
    """What ran in a month, by resource, and whether it still ran at the month's end.

    Returns
    -------
    DataFrame
        Columns department, id (empty for charges without a resource, such as support and tax), name, amount [currency],
        days (from its first charge to the month's end), alive (bool). Credits and corrections are left out.
    """
    import pandas as pd

    held = month(charges, which)
    kinds = held.ChargeCategory.isin(["Usage", "Purchase", "Tax"])
    held = held.filter(held[CURRENCY] == currency, held.ChargeClass.isnull(), kinds)
    found = (
        held.aggregate(
            by=["ServiceProviderName", "x_KitDepartment", "ResourceId"],
            name=held.ResourceName.max(),
            amount=held.EffectiveCost.sum(),
            first=held.ChargePeriodStart.min(),
            last=held.ChargePeriodEnd.max(),
        )
        .to_pyarrow()
        .to_pylist()
    )
    ends: dict[str, Any] = {}
    for r in found:
        ends[r["ServiceProviderName"]] = max(ends.get(r["ServiceProviderName"], r["last"]), r["last"])
    lines = []
    for r in found:
        id = r["ResourceId"] or ""
        began = max((which.end.date() - r["first"].date()).days, 1) if id else which.days
        alive = not id or ends[r["ServiceProviderName"]] - r["last"] <= STILL
        lines.append(
            (
                r["x_KitDepartment"] or NOBODY,
                id,
                r["name"] or id,
                number(r["amount"]),
                min(began, which.days),
                alive,
            )
        )
    lines.sort(key=lambda r: (r[0], -r[3], r[1]))
    return pd.DataFrame(lines, columns=["department", "id", "name", "amount", "days", "alive"], dtype=object)


def zero_based(
    ran: pd.DataFrame,
    months: Sequence[Month],
    seasons: Mapping[str, Any],
    leave: Mapping[str, tuple[str, Decimal]] | None = None,
) -> Way:
    """Only what still runs, at its run rate since it began in the month; what ended or can go is named and left out.

    Parameters
    ----------
    ran : DataFrame
        As `running` gives it.
    leave : mapping, optional
        Resource to why it can go, and what of a month it saves [currency].
    """
    leave = leave or {}
    gone: dict[str, list[Decimal]] = {}
    parts: dict[str, list[Decimal]] = {}
    for r in ran.to_dict("records"):
        daily = parts.setdefault(r["department"], [])
        if not r["alive"]:
            gone.setdefault("ended", []).append(r["amount"])
            continue
        why, saved = leave.get(r["id"], ("", Decimal(0))) if r["id"] else ("", Decimal(0))
        saved = min(saved, max(r["amount"], Decimal(0)))
        if saved > 0:
            gone.setdefault(why, []).append(saved)
        daily.append(ratio(r["amount"] - saved, r["days"]))
    days = Decimal(sum(m.days for m in months))
    totals = {n: CONTEXT.multiply(add(v), days) for n, v in sorted(parts.items())}
    notes = tuple(
        f"leaves out {len(v)} resource{'s' * (len(v) != 1)}, {why} ({add(v):,.0f} a month)"
        for why, v in sorted(gone.items())
    )
    return Way("from zero", spread(totals, months, seasons), notes)


def top_down(
    total: Decimal, actual: Amounts, closed: Sequence[Month], months: Sequence[Month], seasons: Any
) -> Way:
    """A total from above, by each department's share of the last closed year."""
    year = {str(m) for m in closed[-12:]}
    names = sorted({d for m, d in actual if m in year})
    spent = {n: add(a for (m, d), a in actual.items() if d == n and m in year) for n in names}
    whole = add(spent.values())
    totals = {n: CONTEXT.multiply(total, ratio(s, whole)) for n, s in spent.items()}
    return Way("from above", spread(totals, months, seasons))


def by_drivers(
    borne: pd.DataFrame,
    volumes: Mapping[str, Mapping[str, Decimal]],
    rest: Way,
    closed: Sequence[Month],
    months: Sequence[Month],
) -> tuple[Way, dict[str, Decimal]]:
    """Planned units of each product's driver × its recent cost of a unit; what no driver bears stays as `rest` has it.

    Parameters
    ----------
    borne : DataFrame
        Columns month, department, product, cost [currency]: running cost of the products of recent closed months.
    volumes : mapping
        Product to month to units [unit·days of a stock], past months and planned ones.
    rest : Way
        Amounts of the whole department; of it the share that no product bears is kept.
    closed, months : sequence of Month
        The months whose unit cost counts (the last three of them), and the planned ones.

    Returns
    -------
    Way, dict
        And of each department the share of its recent cost that drivers bear [1], where there is any.
    """
    recent = [str(m) for m in closed[-3:]]
    costs: dict[tuple[str, str], Decimal] = {}
    for r in borne.to_dict("records"):
        known = volumes.get(r["product"], {})
        if (
            r["month"] in recent
            and all(known.get(m, Decimal(0)) > 0 for m in recent)
            and all(str(m) in known for m in months)
        ):
            key = r["department"], r["product"]
            costs[key] = CONTEXT.add(costs.get(key, Decimal(0)), r["cost"])
    return _by_drivers(costs, volumes, rest, recent, months)


def _by_drivers(costs, volumes, rest, recent, months) -> tuple[Way, dict[str, Decimal]]:
    past = sum(Month.parse(m).days for m in recent)
    planned: dict[tuple[str, str], list[Decimal]] = {}
    flat: dict[str, list[Decimal]] = {}  # what the driven part costs a day today: it is taken out of the rest
    for (name, product), cost in sorted(costs.items()):
        each = ratio(cost, add(volumes[product][m] for m in recent))
        flat.setdefault(name, []).append(ratio(cost, past))
        for m in months:
            planned.setdefault((str(m), name), []).append(CONTEXT.multiply(each, volumes[product][str(m)]))
    exact = dict(rest.amounts)
    days = sum(m.days for m in months)
    shares = {}
    for name, parts in flat.items():
        whole = rest.of(name)
        shares[name] = (
            min(ratio(CONTEXT.multiply(add(parts), Decimal(days)), whole), ONE) if whole > 0 else ONE
        )
        for m in months:
            kept = CONTEXT.multiply(rest.amounts.get((str(m), name), Decimal(0)), ONE - shares[name])
            exact[str(m), name] = CONTEXT.add(kept, add(planned[str(m), name]))
    keys = sorted(exact)
    notes = [f"{n}: drivers bear {s * 100:.0f} % of its cost" for n, s in sorted(shares.items())]
    return Way(
        "drivers × unit cost", dict(zip(keys, foot([exact[k] for k in keys]), strict=True)), tuple(notes)
    ), shares


def side_by_side(ways: Sequence[Way]) -> pd.DataFrame:
    """Columns department, one for each way [currency], difference (largest less smallest of the first three); departments by the largest amount, their total last."""
    import pandas as pd

    names = sorted({d for w in ways for _, d in w.amounts}, key=lambda n: (-max(w.of(n) for w in ways), n))
    lines = [(n, [w.of(n) for w in ways]) for n in names]
    lines.append(("all departments", [w.total for w in ways]))
    table = [(n, *amounts, max(amounts[:3]) - min(amounts[:3])) for n, amounts in lines]
    return pd.DataFrame(table, columns=["department", *(w.name for w in ways), "difference"], dtype=object)


def proposal(way: Way, *, currency: str, version: str) -> pd.DataFrame:
    """A way in the form of budgets.csv, for somebody to approve: approved_by and approved_on are empty.

    The row without a department is the whole company's budget: it holds what has no owner, too.
    """
    import pandas as pd

    months = sorted({m for m, _ in way.amounts})
    lines = [(m, "", add(a for (k, _), a in way.amounts.items() if k == m)) for m in months]
    lines += [(m, d, a) for (m, d), a in way.amounts.items() if d != NOBODY]
    rows = [(*line, currency, version, "", "") for line in sorted(lines)]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)
