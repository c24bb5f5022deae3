"""What would lower emissions: each measure with money and carbon together, and what it costs to do it.

Candidates come from what was measured and billed; each resource gets the one measure that fits it best. A carbon price of the
company's own makes one number of both. Money is what the month's charges would have been lower by, at what was really paid.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.models.carbon_factors import Factors, short_provider
from helpers.models.carbon_units import intensity
from helpers.terms.errors import BadInput, UsageError
from helpers.terms.money import CONTEXT

if TYPE_CHECKING:
    import pandas as pd

D = Decimal
COLUMNS = (
    "measure", "name", "resource", "provider", "region", "to", "department", "owner", "money", "carbon", "currency",
    "cost", "ask", "why",
)  # fmt: skip
MEASURES = {
    "idle": "stop what does nothing",
    "schedule": "switch off at quiet hours",
    "rightsize": "take the next smaller size",
    "region": "move to a cleaner region",
    "arm": "move to ARM",
    "time": "run in the day's cleanest hours",
}
ENOUGH = 672  # hours measured (four weeks) before use says anything
IDLE_CPU, IDLE_MEMORY = D("0.05"), D("0.10")
SMALL_PEAK, SMALL_MEMORY = D("0.40"), D("0.45")  # half the size would still have room at its peak
QUIET_LEAST, QUIET_MOST, BUSY = 60, 140, D("0.30")  # quiet hours of 168, and how busy the others must be
DIRTY, TIMES = D("0.4"), 5  # kgCO2e/kWh, and how many times the cleanest region's
MOVES = re.compile(
    r"(?i)\b(batch|etl|nightly|backfill|render(ing)?|encode|transcode|simulation|ci|builds?)\b"
)
MOST = D(1_000_000)  # of any currency for a tonne
WEEK = D(7) / D(30)  # both places run side by side for a week


def candidates(
    lines: Any,
    profile: Any,
    factors: Factors,
    purposes: Mapping[str, str] | None = None,
    days: Mapping[str, Sequence[Decimal]] | None = None,
) -> pd.DataFrame:
    """Measures that would lower a month's emissions.

    Parameters
    ----------
    lines : DataFrame
        Of `emissions.estimate`, one month.
    profile : DataFrame or None
        Columns resource, hours, cpu, peak, memory, quiet (`helpers.measures.activity.profile`); None where use was not
        measured: then only region and ARM can be told.
    factors : Factors
    purposes : mapping, optional
        Resource -> what its tag says it is for: it is left as it is.
    days : mapping, optional
        Region -> carbon intensity by hour of the day, 24 values [kgCO2e/kWh] (`clean_day`).

    Returns
    -------
    DataFrame
        `COLUMNS`: ``money`` [currency a month] and ``carbon`` [kgCO2e a month] saved (money None where the other price is
        not in the charges), ``cost`` [currency, once], ``ask`` (what has to be found out first), ``why``. The most carbon first.
    """
    import pandas as pd

    kept = purposes or {}
    by_use = {} if profile is None else {r["resource"]: r for r in profile.to_dict("records")}
    ran = [r for r in lines.to_dict("records") if r["kind"] == "compute" and r["grade"]]
    arm = {_last(r["name"]): r for r in ran if _arm(r["machine"])}
    offered = _offered(ran)
    found, taken = [], set()
    for row in ran:
        if row["resource"] in kept or row["resource"] in taken:
            continue
        use = by_use.get(row["resource"])
        one = (
            _idle(row, use)
            or _region(row, offered, factors)
            or _schedule(row, use)
            or _rightsize(row, use)
            or _time(row, days or {})
            or _to_arm(row, arm)
        )
        if one:
            taken.add(row["resource"])
            found.append(_named(row) | one)
    found.sort(key=lambda r: (-r["carbon"], str(r["name"])))
    return pd.DataFrame(found, columns=list(COLUMNS), dtype=object)


def priced(found: Any, price: Decimal) -> pd.DataFrame:
    """With a carbon price: ``worth`` [currency a month] = money + carbon × price, and ``by_tonne`` [currency/tCO2e].

    Parameters
    ----------
    found : DataFrame
        Of `candidates`.
    price : Decimal
        [currency/tCO2e]

    Returns
    -------
    DataFrame
        The most worth first; ``by_tonne`` is what a tonne less costs, below zero where it also saves money, None where the money
        is not known.
    """
    worth, by_tonne = [], []
    for money, carbon in zip(found["money"], found["carbon"], strict=True):
        worth.append((money or D(0)) + CONTEXT.multiply(carbon / 1000, price))
        by_tonne.append(CONTEXT.divide(-money, carbon / 1000) if money is not None and carbon else None)
    order = sorted(range(len(found)), key=lambda n: (-worth[n], n))
    return found.assign(worth=worth, by_tonne=by_tonne).iloc[order].reset_index(drop=True)


def frontier(found: Any) -> pd.DataFrame:
    """The measures that no other beats in money and carbon at once, the most money first."""
    rows = [(m, c) for m, c in zip(found["money"], found["carbon"], strict=True) if m is not None]
    best = [
        m is not None and not any((a >= m and b >= c and (a > m or b > c)) for a, b in rows)
        for m, c in zip(found["money"], found["carbon"], strict=True)
    ]
    kept = found[best]
    order = sorted(range(len(kept)), key=lambda n: (-kept["money"].iloc[n], str(kept["name"].iloc[n])))
    return kept.iloc[order].reset_index(drop=True)


def price_of(text: str) -> Decimal:
    """A carbon price as a person writes it [currency/tCO2e].

    Raises
    ------
    UsageError
        If it is no number, or below zero.

    Examples
    --------
    >>> price_of("100"), price_of(" 85.50 ")
    (Decimal('100'), Decimal('85.50'))
    """
    try:
        price = D(text.strip())
    except ArithmeticError:
        price = D(-1)
    if not price.is_finite() or not 0 <= price <= MOST:
        raise UsageError(
            f"carbon price {text!r}",
            "a number from 0 to a million, in the page's currency for a tonne",
            "write it like 100",
        )
    return price


def time_move(hours: Mapping[Any, Decimal], intensity: Mapping[Any, Decimal], window: int) -> dict[str, Any]:
    """What starting a job later within a window of hours would save, by the grid's hourly intensity.

    Parameters
    ----------
    hours : mapping
        Start of each hour that the job runs -> energy [kWh], one block.
    intensity : mapping
        Start of hour -> [kgCO2e/kWh].
    window : int
        Hours that it may be put off [h].

    Returns
    -------
    dict
        ``now`` [kgCO2e], ``best`` [kgCO2e], ``later`` [h]; best and later None where an hour of the intensity is missing.
    """
    from datetime import timedelta

    def run(shift: int) -> Decimal | None:
        moved = [(intensity.get(h + timedelta(hours=shift)), e) for h, e in hours.items()]
        if any(i is None for i, _ in moved):
            return None
        return sum((CONTEXT.multiply(i, e) for i, e in moved if i is not None), D(0))

    now = run(0)
    options = [(kg, s) for s in range(window + 1) if (kg := run(s)) is not None]
    best = min(options, default=(None, None))
    return {"now": now, "best": best[0], "later": best[1]}


def clean_day(hours: Any) -> dict[str, list[Decimal]]:
    """Carbon intensity by hour of the day (UTC) of each region, from a table of hours.

    Parameters
    ----------
    hours : DataFrame or None
        The companion ``grid_hours``: region, start, intensity [unit], unit. An hour given twice must agree.

    Returns
    -------
    dict
        Region -> 24 means [kgCO2e/kWh]; regions of which an hour of the day is missing are left out.

    Raises
    ------
    BadInput
        For a unit that is none, or one hour with two values.
    """
    if hours is None:
        return {}
    seen: dict[tuple[str, Any], Decimal] = {}
    for r in hours.to_dict("records"):
        value, key = (
            intensity(r["intensity"], r["unit"], file="grid_hours.csv", row=r.get("row")),
            (r["region"], r["start"]),
        )
        if seen.setdefault(key, value) != value:
            raise BadInput(
                f"{r['region']} {r['start']} with two intensities",
                "one value an hour",
                "take one of them out",
                file="grid_hours.csv",
                row=r.get("row"),
                column="intensity",
            )
    by_hour: dict[str, dict[int, list[Decimal]]] = {}
    for (region, start), value in seen.items():
        hour = start.hour if hasattr(start, "hour") else int(str(start)[11:13])
        by_hour.setdefault(region, {}).setdefault(hour, []).append(value)
    return {
        region: [CONTEXT.divide(sum(v[h], D(0)), len(v[h])) for h in range(24)]
        for region, v in by_hour.items()
        if len(v) == 24
    }


def _time(row, days: Mapping[str, Sequence[Decimal]]):
    """For movable work that does not fill the day: its hours put where the region's grid is cleanest."""
    day, load = days.get(row["region"]), row["load"]
    words = re.sub(r"[-_./]", " ", row["name"] or "")
    if day is None or load is None or not MOVES.search(words):
        return None
    needed = min(24, int(load * 24) + 1)
    mean = CONTEXT.divide(sum(day, D(0)), 24)
    best = min(
        (CONTEXT.divide(sum((day[(s + i) % 24] for i in range(needed)), D(0)), needed), s) for s in range(24)
    )
    if not mean or best[0] >= mean:
        return None
    carbon = _round(CONTEXT.multiply(row["operational"], 1 - CONTEXT.divide(best[0], mean)))
    why = f"busy {_percent(load)} of the time: {needed} hours from {best[1]}:00 UTC are the cleanest"
    return _said("time", D(0), carbon, why, cost=D(0), ask="whether it may wait")


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {n: row[n] for n in ("name", "resource", "provider", "region", "department", "owner", "currency")}


def _said(measure: str, money, carbon, why: str, *, to: str = "", cost=None, ask: str = "") -> dict[str, Any]:
    return {
        "measure": measure,
        "money": money,
        "carbon": carbon,
        "why": why,
        "to": to,
        "cost": cost,
        "ask": ask,
    }


def _measured(use: Mapping[str, Any] | None) -> bool:
    return use is not None and use["hours"] >= ENOUGH and use["cpu"] is not None


def _idle(row, use):
    if not _measured(use) or use["memory"] is None or use["cpu"] >= IDLE_CPU or use["memory"] >= IDLE_MEMORY:
        return None
    why = f"processor below {_percent(use['cpu'])} and memory below {_percent(use['memory'])} in every hour measured"
    return _said("idle", row["cost"], row["kg"], why, cost=D(0), ask="its owner, before it is removed")


def _schedule(row, use):
    if not _measured(use) or not QUIET_LEAST <= use["quiet"] <= QUIET_MOST or use["cpu"] < BUSY:
        return None
    off = CONTEXT.divide(D(int(use["quiet"])), D(168))
    why = f"quiet in {use['quiet']} of the week’s 168 hours, in every week measured"
    money, carbon = CONTEXT.multiply(row["cost"], off), _round(CONTEXT.multiply(row["kg"], off))
    return _said("schedule", _cent(money), carbon, why, cost=D(0), ask="who needs it at night")


def _rightsize(row, use):
    if not _measured(use) or use["memory"] is None:
        return None
    if use["peak"] >= SMALL_PEAK or use["memory"] >= SMALL_MEMORY:
        return None
    why = f"highest sample of the processor {_percent(use['peak'])}, highest hour of memory {_percent(use['memory'])}"
    # half a machine twice as busy: the watts of use stay, those of standing by and half of the making go
    load = row["load"] or D(0)
    idle = CONTEXT.divide(1 - load, 1 + load)
    carbon = row["embodied"] / 2 + CONTEXT.multiply(row["operational"] / 2, idle)
    return _said(
        "rightsize", _cent(row["cost"] / 2), _round(carbon), why, cost=D(0), ask="its busiest season"
    )


def _offered(ran: Sequence[Mapping[str, Any]]) -> dict[tuple, list[Mapping[str, Any]]]:
    """Where the same machine of a provider runs too, and so has a price: the cleanest of each region."""
    best: dict[tuple, Mapping[str, Any]] = {}
    for r in ran:
        if r["grid"] is not None and r["quantity"] and r["cost"]:
            provider = short_provider(r["host"] or r["provider"])
            best.setdefault((provider, r["machine"], r["currency"], r["region"]), r)
    found: dict[tuple, list[Mapping[str, Any]]] = {}
    for key, r in best.items():
        found.setdefault(key[:3], []).append(r)
    return found


def _region(row, offered: Mapping[tuple, list], factors: Factors):
    """For what names itself movable, in a grid that is dirty and many times the cleanest known one of its provider."""
    grid, words = row["grid"], re.sub(r"[-_./]", " ", row["name"] or "")
    if grid is None or grid < DIRTY or not MOVES.search(words):
        return None
    provider, year = short_provider(row["host"] or row["provider"]), int(row["period"][:4])
    offers = offered.get((provider, row["machine"], row["currency"]), [])
    priced = [r for r in offers if r["grid"] * TIMES <= grid]
    if priced:
        best = min(priced, key=lambda r: (r["grid"], str(r["region"])))
        to, target = best["region"], best["grid"]
        there = CONTEXT.multiply(CONTEXT.divide(best["cost"], best["quantity"]), row["quantity"])
        money, ask = _cent(row["cost"] - there), "whether data may leave the region"
    else:
        clean = [
            (p, r, f) for p, r, f in factors.all_regions(year) if p == provider and f.value * TIMES <= grid
        ]
        if not clean:
            return None
        _, to, best_factor = min(clean, key=lambda x: (x[2].value, x[1]))
        target, money, ask = best_factor.value, None, "the price there, and whether data may leave the region"
    carbon = _round(CONTEXT.multiply(row["operational"], 1 - CONTEXT.divide(target, grid)))
    times = int(grid / target) if target else 0
    why = f"power there is {times} times as dirty as in {to}, and its name says that it may move"
    return _said("region", money, carbon, why, to=str(to), cost=_cent(row["cost"] * WEEK), ask=ask)


def _to_arm(row, arm):
    """Only where a machine of the same role already runs on ARM, and at its price."""
    twin = arm.get(_last(row["name"]))
    if (
        twin is None
        or _arm(row["machine"])
        or twin["region"] != row["region"]
        or twin["currency"] != row["currency"]
    ):
        return None
    if not (twin["vcpu_hours"] and row["vcpu_hours"] and row["cost"]):
        return None
    rate = CONTEXT.divide(twin["cost"], twin["vcpu_hours"])
    money = row["cost"] - CONTEXT.multiply(rate, row["vcpu_hours"])
    carbon = row["kg"] - CONTEXT.multiply(CONTEXT.divide(twin["kg"], twin["vcpu_hours"]), row["vcpu_hours"])
    if carbon <= 0:
        return None
    why = f"{twin['name']} does the same work on ARM already"
    return _said(
        "arm",
        _cent(money),
        _round(carbon),
        why,
        to=twin["machine"],
        cost=None,
        ask="whether the same code runs",
    )


def _last(name: str | None) -> str:
    """The role in a name: its last word without a trailing mark such as ``-4b7f``."""
    bare = re.sub(r"-[0-9a-f]{4,}$", "", name or "")
    return bare.rpartition("-")[2]


def _arm(machine: str | None) -> bool:
    return bool(re.match(r"[a-z]+\d+g[a-z]*\.|a1\.|t2a-|c4a-|[A-Z]\d+p", machine or ""))


def _percent(share: Decimal) -> str:
    return f"{share * 100:.0f} %"


def _cent(value: Decimal) -> Decimal:
    return value.quantize(D("0.01"))


def _round(value: Decimal) -> Decimal:
    return value.quantize(D("0.000000001"), context=CONTEXT)
