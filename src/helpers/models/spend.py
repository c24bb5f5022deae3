"""What departments will spend: daily forecasts summed to months by joint paths, with named and dated scenarios.

The interval of a sum is taken from sums of paths: each path gives every department the errors that its forecasts made
from one and the same past day, so that what moves together stays together. The table adds up to the cent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.models.forecast import LEVELS, Panel, forecast
from helpers.models.smoothing import DAY
from helpers.terms.money import foot
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

Array = Any
PATHS = 2000
SEED = 20_261_126
LEAST_ORIGINS = 12  # below them paths are drawn from the intervals
EVERY = "*"
SCENARIO = ("name", "from", "to", "scope", "kind", "factor", "amount", "known_on", "source")


@dataclass(frozen=True)
class Spend:
    """Forecast months of several departments.

    Attributes
    ----------
    names : tuple of str
    months : tuple of str
    mean : array, departments by months [currency]
        What is spent already, of the open month, included.
    paths : array, paths by departments by months [currency]
        Joint.
    so_far : array, departments by months [currency]
        The part that is known already.
    until : date
        Last day whose charges are used.
    currency : str
    panel : Panel
        The daily forecasts behind it.
    daily : tuple of array
        Past days' total, and of the days ahead mean, low and high of 80 and 95 % of the total [currency].
    """

    names: tuple[str, ...]
    months: tuple[str, ...]
    mean: Array
    paths: Array
    so_far: Array
    until: date
    currency: str
    panel: Panel

    def total(self, month: str) -> tuple[Decimal, dict[float, tuple[Decimal, Decimal]]]:
        """Mean and intervals of all departments together."""
        m = self.months.index(month)
        drawn = self.paths[:, :, m].sum(axis=1)
        return _cents(self.mean[:, m].sum()), {level: _range(drawn, level) for level in LEVELS}

    def table(self) -> pd.DataFrame:
        """Columns month, department, mean, lo50, hi50, lo80, hi80, lo95, hi95 [currency, Decimal to the cent]; means of a month foot to the total's."""
        import pandas as pd

        rows = []
        for m, month in enumerate(self.months):
            means = foot([Decimal(repr(float(v))) for v in self.mean[:, m]], 2)
            for i, name in enumerate(self.names):
                rows.append((month, name, means[i], *self._bounds(self.paths[:, i, m], self.mean[i, m])))
            whole = self.mean[:, m].sum()
            rows.append(
                (month, "", sum(means, Decimal(0)), *self._bounds(self.paths[:, :, m].sum(axis=1), whole))
            )
        columns = [
            "month",
            "department",
            "mean",
            *(f"{side}{int(level * 100)}" for level in LEVELS for side in ("lo", "hi")),
        ]
        return pd.DataFrame(rows, columns=columns, dtype=object)

    @staticmethod
    def _bounds(drawn: Array, mean: float) -> list[Decimal]:
        found = []
        for level in LEVELS:
            low, high = _range(drawn, level)
            found += [min(low, _cents(mean)), max(high, _cents(mean))]
        return found

    def means(self, month: str) -> dict[str, Decimal]:
        """Department to expected cost of a month [currency], to the cent."""
        m = self.months.index(month)
        return dict(zip(self.names, foot([Decimal(repr(float(v))) for v in self.mean[:, m]], 2), strict=True))

    def exceeds(self, name: str, month: str, budget: Decimal) -> tuple[float, Decimal, Decimal]:
        """Probability that a month ends above a budget [1], and the middle 80 % of the excess where it does [currency].

        An empty name is the total.
        """
        m = self.months.index(month)
        drawn = self.paths[:, :, m].sum(axis=1) if name == "" else self.paths[:, self.names.index(name), m]
        over = drawn[drawn > float(budget)] - float(budget)
        if not len(over):
            return 0.0, Decimal(0), Decimal(0)
        return len(over) / len(drawn), _cents(np.quantile(over, 0.1)), _cents(np.quantile(over, 0.9))


def spend(
    days: Any,
    *,
    until: date,
    months: int,
    currency: str,
    scenarios: Any = None,
    as_known_on: date | None = None,
) -> Spend | None:
    """Forecast every department to the end of the month after `until` and `months` more.

    Parameters
    ----------
    days : DataFrame
        As `helpers.measures.spend.by_day` gives it: month, day, name, whole, amount [currency].
    until : date
        Last day whose charges are whole; nothing behind it is used.
    months : int
        Months beside the one that follows `until`.
    currency : str
    scenarios : DataFrame, optional
        Columns of `SCENARIO`; see `apply`.
    as_known_on : date, optional
        Only scenarios known by this day; default `until`.

    Returns
    -------
    Spend or None
        None where there is no department with a charge.
    """
    daily, whole, first = _daily(days, until)
    if not daily:
        return None
    begin = until + timedelta(days=1)
    which = Month.of(begin)
    last = which.plus(months)
    horizon = (last.end.date() - begin).days
    alive = {n: v for n, v in daily.items() if v[-28:].any()}
    if not alive:
        return None
    names = tuple(
        sorted(
            set(alive)
            | {
                n
                for n, by in whole.items()
                if any(by.get(str(Month.of(until).plus(-k))) for k in range(1, 4))
            }
        )
    )
    panel = forecast(alive, horizon, grain=DAY)
    rng = np.random.default_rng(SEED)
    mean = np.zeros((len(names), horizon))
    paths = np.zeros((PATHS, len(names), horizon))
    here = [names.index(n) for n in panel.names]
    mean[here] = panel.mean
    paths[:, here] = _paths(panel, rng)
    ahead = [begin + timedelta(days=h) for h in range(horizon)]
    if scenarios is not None:
        factor, more = apply(scenarios, names, ahead, as_known_on or until)
        mean, paths = mean * factor + more, paths * factor + more
    spans = [which.plus(k) for k in range(months + 1)]
    groups = np.array([spans.index(Month.of(d)) for d in ahead])
    means, drawn, so_far = (
        np.zeros((*shape, len(spans))) for shape in ((len(names),), (PATHS, len(names)), (len(names),))
    )
    for k, span in enumerate(spans):
        days_of = groups == k
        means[:, k] = mean[:, days_of].sum(axis=1)
        drawn[:, :, k] = paths[:, :, days_of].sum(axis=2)
        for i, name in enumerate(names):
            if name in daily and span.start.date() <= until:
                known = daily[name][(span.start.date() - first).days :]
                so_far[i, k] = known.sum()
            fees = _fees(whole.get(name, {}), Month.of(until))
            if fees:
                means[i, k] += float(np.mean(fees[-3:]))
                drawn[:, i, k] += rng.choice(np.array(fees[-6:]), PATHS)
    means += so_far
    drawn += so_far[None]
    return Spend(names, tuple(str(s) for s in spans), means, drawn, so_far, until, currency, panel)


def _daily(days: Any, until: date) -> tuple[dict[str, Array], dict[str, dict[str, float]], date]:
    """Values of consecutive days by name up to `until`, and by name and month what is charged for longer than a day."""
    known = days[np.array([d <= until for d in days["day"]], dtype=bool)]
    short = known[~known["whole"].astype(bool)]
    if short.empty:
        return {}, {}, until
    first = min(short["day"])
    count = (until - first).days + 1
    daily: dict[str, Array] = {}
    for day, name, amount in zip(short["day"], short["name"], short["amount"], strict=True):
        daily.setdefault(name, np.zeros(count))[(day - first).days] += float(amount)
    begun = {n: int((v != 0).argmax()) for n, v in daily.items()}
    for name, values in daily.items():
        values[: begun[name]] = np.nan
    whole: dict[str, dict[str, float]] = {}
    long = known[known["whole"].astype(bool)]
    for month, name, amount in zip(long["month"], long["name"], long["amount"], strict=True):
        by = whole.setdefault(name, {})
        by[month] = by.get(month, 0.0) + float(amount)
    return {n: np.nan_to_num(v) if np.isnan(v).all() else v for n, v in daily.items()}, whole, first


def _fees(by: Mapping[str, float], current: Month) -> list[float]:
    """Of the six months before, what was charged for the whole month; none where nothing was in the last three."""
    past = [by.get(str(current.plus(-n)), 0.0) for n in range(6, 0, -1)]
    return past if any(abs(v) > 0.005 for v in past[-3:]) else []


def _paths(panel: Panel, rng: Any) -> Array:
    """Joint paths: paths by series by steps, not below zero where the series never was."""
    steps = np.arange(1, panel.mean.shape[1] + 1)
    low, high = panel.bounds[0.8]
    half = (high - low) / 2 / 1.2816
    loose = _drawn(rng, PATHS, len(panel.names))[:, :, None] * half
    known = np.isfinite(panel.past).all(axis=2)  # series, origins
    usable = np.flatnonzero(known.mean(axis=0) >= 0.5)
    if len(usable) < LEAST_ORIGINS:
        moved = loose
    else:
        errors = np.nan_to_num(panel.past[:, usable])  # series, origins, grid
        full = np.stack([[np.interp(steps, panel.grid, one) for one in of_series] for of_series in errors])
        picked = rng.integers(0, len(usable), PATHS)
        moved = full[:, picked].transpose(1, 0, 2) * panel.scale[:, None]
        moved -= moved.mean(axis=0, keepdims=True)
        own = np.quantile(moved, 0.9, axis=0) - np.quantile(moved, 0.1, axis=0)
        # the pooled intervals know more than one series' few independent errors: paths are stretched to them
        stretch = np.where(own > 0, (high - low) / np.where(own > 0, own, 1.0), 1.0)
        moved = moved * np.clip(np.median(stretch, axis=1, keepdims=True), 0.7, 3.0) + 0.3 * loose
        moved = np.where(known[:, usable][:, picked].T[:, :, None], moved, loose)
    least, most = panel.bounds[LEVELS[-1]]
    return np.clip(panel.mean + moved, least - half, most + half).clip(np.where(low < 0, -np.inf, 0.0))


def _drawn(rng: Any, paths: int, series: int) -> Array:
    """Normal numbers with a third of their variance in common."""
    common, own = rng.standard_normal((paths, 1)), rng.standard_normal((paths, series))
    return (1 / 3) ** 0.5 * common + (2 / 3) ** 0.5 * own


def apply(scenarios: Any, names: Sequence[str], ahead: Sequence[date], known_on: date) -> tuple[Array, Array]:
    """Factor and amount a day by department and day [1; currency/day] of the scenarios known by a day.

    A factor of 1.1 raises the scope's cost by a tenth from one day to the other, both included; an amount is spread over
    the days. An empty end holds on. Scope: departments separated by ``;``, ``*`` for all.
    """
    factor, more = np.ones((len(names), len(ahead))), np.zeros((len(names), len(ahead)))
    for s in scenarios.to_dict("records"):
        start, end = _day(s["from"]), _day(s.get("to")) or date.max
        known = _day(s.get("known_on"))
        if start is None or (known is not None and known > known_on):
            continue
        scope = {x.strip() for x in str(s.get("scope") or EVERY).split(";")}
        rows = [i for i, n in enumerate(names) if EVERY in scope or n in scope]
        columns = [j for j, d in enumerate(ahead) if start <= d <= end]
        if not rows or not columns:
            continue
        cells = np.ix_(rows, columns)
        if (f := _number(s.get("factor"))) is not None:
            factor[cells] *= f
        if amount := _number(s.get("amount")):
            length = len(columns) if end == date.max else (end - start).days + 1
            more[cells] += amount / length / len(rows)
    return factor, more


def draft(calendar: Any, contracts: Any, days: Any, *, as_of: date, until: date) -> pd.DataFrame:
    """Scenarios as far as the company's own tables and the charges tell them, for a person to complete.

    A season of last year gives its measured factor (its mean day against the 28 days before it, by its scope). What the
    calendar plans without a measured effect stands with factor 1: it changes nothing until somebody writes a number.
    """
    import pandas as pd

    rows = []
    if calendar is not None:
        events = calendar.to_dict("records")
        for e in events:
            start, end, known = _day(e["start"]), _day(e["end"]), _day(e.get("known_on"))
            if start is None or end is None or end <= until or (known and known > as_of):
                continue
            if e["kind"] not in ("season", "launch", "migration", "price-change", "planned-change"):
                continue
            if start <= until and e["kind"] != "season":
                continue
            measured = _measured(e, events, days, until) if e["kind"] == "season" else None
            factor = Decimal(1) if measured is None else measured[0]
            source = (
                f"measured on {measured[1]}"
                if measured
                else "calendar; no effect measured yet, edit the factor"
            )
            forever = e["kind"] in ("launch", "price-change", "migration", "planned-change")
            rows.append(
                (
                    e["name"],
                    start,
                    None if forever else end,
                    e.get("scope") or EVERY,
                    e["kind"],
                    factor,
                    None,
                    known,
                    source,
                )
            )
    if contracts is not None:
        for c in contracts.to_dict("records"):
            end = _day(c.get("end"))
            if end and until < end <= until + timedelta(days=180):
                rows.append(
                    (
                        f"{c['vendor']}: {c['subject']} ends",
                        end + timedelta(days=1),
                        None,
                        EVERY,
                        "contract-end",
                        Decimal(1),
                        None,
                        _day(c.get("signed_on")),
                        f"contract {c['contract_id']}; write the price after it as a factor",
                    )
                )
    rows.sort(key=lambda r: (r[1], r[0]))
    return pd.DataFrame(rows, columns=list(SCENARIO), dtype=object)


def _measured(
    event: Mapping[str, Any], events: Sequence[Mapping[str, Any]], days: Any, until: date
) -> tuple[Decimal, str] | None:
    """The factor of the same season a year ago, where its charges and those of 28 days before are known."""
    start, scope = (
        _day(event["start"]) or date.min,
        {x.strip() for x in str(event.get("scope") or EVERY).split(";")},
    )
    for e in sorted(events, key=lambda e: str(e["start"]), reverse=True):
        began, ended = _day(e["start"]), _day(e["end"])
        if (
            e["kind"] != "season"
            or e.get("scope") != event.get("scope")
            or began is None
            or ended is None
            or began >= start
            or ended > until
        ):
            continue
        known = [
            (d, float(a))
            for d, n, w, a in zip(days["day"], days["name"], days["whole"], days["amount"], strict=True)
            if not w and (EVERY in scope or n in scope)
        ]
        before = sum(a for d, a in known if began - timedelta(days=28) <= d < began) / 28
        during = sum(a for d, a in known if began <= d <= ended) / ((ended - began).days + 1)
        if before > 0 and during > 0 and min(d for d, _ in known) <= began - timedelta(days=28):
            return Decimal(f"{during / before:.4f}"), str(e["name"])
    return None


def issued(table: Any, *, on: date, currency: str, author: str = "finops kit") -> pd.DataFrame:
    """A forecast as the companion table ``forecasts`` keeps it, so that it can be judged when the actual comes."""
    import pandas as pd

    mine = table[table["department"] != ""]
    rows = [
        (on, m, d, a, currency, author, "weighted walk-forward, docs/forecast.md")
        for m, d, a in zip(mine["month"], mine["department"], mine["mean"], strict=True)
    ]
    return pd.DataFrame(
        rows,
        columns=["issued", "month", "department", "amount", "currency", "author", "method"],
        dtype=object,
    )


def waterfall(
    stored: Mapping[str, Decimal],
    then: Mapping[str, Decimal],
    without: Mapping[str, Decimal],
    now: Mapping[str, Decimal],
) -> pd.DataFrame:
    """From the last stored forecast of a month to this one, by cause; adds up exactly.

    Parameters
    ----------
    stored : mapping of str to Decimal
        Department to the last stored forecast [currency].
    then : mapping of str to Decimal
        What this method says from the charges known when that one was issued; empty where there were too few.
    without, now : mapping of str to Decimal
        This forecast without and with planned events.

    Returns
    -------
    DataFrame
        Columns cause, amount [currency]: the other method, each department's news since, planned events, departments
        that the last forecast did not speak of; attrs total, previous_total.
    """
    import pandas as pd

    zero = Decimal(0)
    base = {n: then.get(n, v) for n, v in stored.items()}
    rows = [(name, without.get(name, zero) - base[name]) for name in stored]
    rows.append(("another method", sum((base[n] - v for n, v in stored.items()), zero)))
    rows.append(("not forecast before", sum((v for n, v in without.items() if n not in stored), zero)))
    rows.append(("planned events", sum(now.values(), zero) - sum(without.values(), zero)))
    rows = sorted((r for r in rows if r[1]), key=lambda r: -abs(r[1]))
    frame = pd.DataFrame(rows, columns=["cause", "amount"], dtype=object)
    frame.attrs |= {"previous_total": sum(stored.values(), zero), "total": sum(now.values(), zero), "days": 0}
    return frame


def run_out(
    months: Sequence[str], spent: Mapping[str, Decimal], expected: Mapping[str, Decimal], budget: Decimal
) -> date | None:
    """The day on which a year's budget is used up, at an even pace within each month; None where it lasts."""
    left = budget
    for month in months:
        which = Month.parse(month)
        amount = spent.get(month, expected.get(month))
        if amount is None:
            return None
        if amount > left:
            return (
                which.start.date() + timedelta(days=int(left / amount * which.days)) if amount > 0 else None
            )
        left -= amount
    return None


def _cents(value: float) -> Decimal:
    return Decimal(repr(float(value))).quantize(Decimal("0.01"))


def _range(drawn: Array, level: float) -> tuple[Decimal, Decimal]:
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return _cents(low), _cents(high)


def _day(value: Any) -> date | None:
    if value is None or value != value or value == "":
        return None
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value.date() if hasattr(value, "hour") else value


def _number(value: Any) -> float | None:
    return None if value is None or value != value or value == "" else float(value)
