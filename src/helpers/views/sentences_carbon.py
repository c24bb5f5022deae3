"""Sentences about emissions: kilograms or tonnes as decide something, a range with every total."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from helpers.terms.money import ratio
from helpers.terms.period import Month
from helpers.views.sentences import number, percent

D = Decimal
MEASURES = {
    "idle": "stopping what does nothing",
    "schedule": "switching off at quiet hours",
    "rightsize": "smaller machines",
    "region": "moves to cleaner regions",
    "arm": "moves to ARM",
    "time": "waiting for clean hours",
}


def mass(kg: Decimal, like: Decimal | None = None) -> str:
    """A mass of CO2e for people: tonnes from a thousand kilograms on, three digits that count.

    Parameters
    ----------
    kg : Decimal
        [kgCO2e]
    like : Decimal, optional
        A mass whose unit and places it shall share.

    Examples
    --------
    >>> mass(D("8540.0097")), mass(D("42.4182")), mass(D("0.0182")), mass(D("980"), like=D("8540"))
    ('8.5 t', '42 kg', '0.018 kg', '1.0 t')
    """
    size = abs(like if like is not None else kg)
    if size >= 1000:
        return f"{number(kg / 1000, 1)} t"
    places = 0 if size >= 10 else 1 if size >= 1 else 3
    return f"{number(kg, places)} kg"


def headline(months: Any, month: Month, *, open: bool = False, scope: str = "") -> str:
    """The month's emissions, their range, and the change on the month before.

    Parameters
    ----------
    months : DataFrame
        Columns period, low, kg, high [kgCO2e].
    """
    by_period = {r["period"]: r for r in months.to_dict("records")}
    now, before = by_period.get(str(month)), by_period.get(str(month.plus(-1)))
    whose = f" of {scope}" if scope else ""
    if now is None or not now["kg"]:
        return f"No emissions are known for {month.title}{whose}"
    so_far = " so far" if open else ""
    said = (
        f"{month.title}{whose} emitted about {mass(now['kg'])} CO2e{so_far} "
        f"({mass(now['low'], now['kg'])} to {mass(now['high'], now['kg'])})"
    )
    if open or before is None or not before["kg"]:
        return said
    change = ratio(now["kg"] - before["kg"], before["kg"])
    if abs(change) < D("0.005"):
        return f"{said}, about as much as in {month.plus(-1).name}"
    return f"{said}, {percent(abs(change))} {'more' if change > 0 else 'less'} than in {month.plus(-1).name}"


def lede(found: Any, gaps: Any, stale: Any, currency: str) -> str:
    """What is best done, and what the figure leaves out."""
    parts = []
    kg = sum(found["carbon"], D(0)) if len(found) else D(0)
    if kg:
        best = max(
            set(found["measure"]), key=lambda m: (sum(found[found["measure"] == m]["carbon"], D(0)), m)
        )
        money = sum(
            (
                m
                for m, c in zip(found["money"], found["currency"], strict=True)
                if m is not None and c == currency
            ),
            D(0),
        )
        parts.append(
            f"{mass(kg)} of it could go, with about {number(money, 0)} {currency} a month; most by {MEASURES[best]}."
        )
    if len(gaps):
        vendors = sorted(set(gaps["provider"]))
        parts.append(
            f"{listed_short(vendors)} {'gives' if len(vendors) == 1 else 'give'} no figure, and none is made up."
        )
    if len(stale):
        regions = sorted(set(stale["region"]))
        parts.append(f"The grid factors of {listed_short(regions)} are more than two years old.")
    return " ".join(parts)


def listed_short(names: Sequence[str], most: int = 3) -> str:
    """Names in a row, the rest counted.

    Examples
    --------
    >>> listed_short(["a", "b"]), listed_short(["a", "b", "c", "d", "e"])
    ('a and b', 'a, b, c and 2 more')
    """
    shown = list(names[:most])
    rest = len(names) - len(shown)
    if rest:
        return f"{', '.join(shown)} and {rest} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else "nobody"


def services_title(frame: Any) -> str:
    """Which service emits most, and how much of all."""
    rows = [(str(n), k) for n, k in zip(frame.iloc[:, 0], frame["kg"], strict=True) if k]
    whole = sum((k for _, k in rows), D(0))
    if not rows or not whole:
        return "No service has a figure"
    name, kg = max(rows, key=lambda r: (r[1], r[0]))
    return (
        f"{name} emits {percent(ratio(kg, whole))} of the figure" if len(rows) > 1 else f"All of it is {name}"
    )


def frontier_title(found: Any, currency: str) -> str:
    """How many measures save money and carbon together, or what stands against it."""
    known = [
        (m, c)
        for m, c, x in zip(found["money"], found["carbon"], found["currency"], strict=True)
        if m is not None and x == currency
    ]
    both = sum(1 for m, c in known if m > 0 and c > 0)
    if not len(found):
        return "Nothing was found that would lower emissions"
    unknown = sum(1 for m in found["money"] if m is None)
    said = f"{both} of {len(found)} measures save money and carbon together"
    return f"{said}; {unknown} {'has' if unknown == 1 else 'have'} no known price" if unknown else said


def path_title(frame: Any) -> str:
    """The last month against its budget."""
    rows = [r for r in frame.to_dict("records") if not r["budget"].is_nan() and r["budget"]]
    if not rows:
        return "There is no budget or path to hold the months against"
    last = rows[-1]
    off = ratio(last["kg"] - last["budget"], last["budget"])
    what = "budget" if last["source"].startswith("company") else "path"
    if abs(off) < D("0.005"):
        return f"{Month.parse(last['month']).title} is on its {what}"
    return f"{Month.parse(last['month']).title} lies {percent(abs(off))} {'above' if off > 0 else 'below'} its {what}"


def regions_title(frame: Any) -> str:
    """The dirtiest region against the cleanest one."""
    rows = [r for r in frame.to_dict("records") if r["grid"]]
    if len(rows) < 2:
        return f"All power is that of {rows[0]['region']}" if rows else "No region is known"
    top, low = max(rows, key=lambda r: r["grid"]), min(rows, key=lambda r: r["grid"])
    if top["grid"] == low["grid"]:
        return "All regions have the same power"
    times = top["grid"] / low["grid"]
    return f"Power in {top['region']} is {number(times, 0 if times >= 10 else 1)} times as dirty as in {low['region']}"


def methods_title(one: Decimal, two: Decimal) -> str:
    """What two published methods say of the same month."""
    if not one or not two:
        return "Only one method has a figure"
    more = ratio(two, one)
    if abs(more - 1) < D("0.005"):
        return "Both methods say about the same"
    return f"The second method says {number(more, 2)} times as much: {mass(two)} against {mass(one)}"
