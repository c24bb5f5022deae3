"""A ladder of commitments for the pools of a bill: which, how much, when, for how long, how paid, and why.

The same decision as walk-forward (`helpers.models.commitments.planner`), made for the coming month from the demand until now,
and carried on month by month as earlier commitments end, with the demand as it is and as planned migrations change it. The
first month's purchases are to be approved; the later ones say what will come up and are made anew with what is known then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from helpers.models.commitments.cover import Limit
from helpers.models.commitments.history import HOURS_A_DAY, History
from helpers.models.commitments.lifetimes import Lifetimes
from helpers.models.commitments.planner import Move, Option, Situation, decide
from helpers.models.commitments.walk_forward import recent
from helpers.terms.errors import Refused
from helpers.terms.period import Month

Array = Any
HOURS_A_MONTH = 730
UPFRONT = {"none": 0.0, "partial": 0.5, "all": 1.0}
CENT = Decimal("0.01")
FRONTIER = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0)
BOUGHT = ("pool", "month", "instrument", "scope", "type", "quantity", "committed", "term", "payment", "upfront", "expires", "why")  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What the plan may do.

    Attributes
    ----------
    start : date
        First day of the month of the first purchase; only demand before it is looked at.
    instruments : DataFrame
        On offer: scope (``type`` or ``pool``), rate [committed money per on-demand money], term [months]; optional pool
        (empty: every pool), payment (``none``, ``partial``, ``all``), name.
    months : int
        Length of the ladder.
    base_level : float
        Share of the trough (lowest hour of the last four weeks) that must be covered.
    aggressiveness : float
        How far to go from the trough towards the best cover: 0 stays at the trough, 1 goes all the way.
    decline : float
        Fall of demand that the plan must absorb [share]: it is sized for what would be left.
    lock_in_cap : float, optional
        Most months of committed cost per on-demand money of use (docs/commitments.md).
    prepay : mapping of str to Decimal, optional
        Quarter (``2026-Q4``) to the most that may be paid upfront in it; a quarter not named has none. No mapping: no limit.
    """

    start: date
    instruments: pd.DataFrame
    months: int = 12
    base_level: float = 0.0
    aggressiveness: float = 1.0
    decline: float = 0.0
    lock_in_cap: float | None = None
    prepay: Mapping[str, Decimal] | None = None


@dataclass(frozen=True)
class Plan:
    """The answer.

    Attributes
    ----------
    purchases : DataFrame
        pool, month (its first day), instrument, scope, type, quantity [on-demand money per hour covered], committed
        [money per hour], term [months], payment, upfront [money], expires (first day without it), why.
    figures : DataFrame
        One row for each pool and one for ``all``: on_demand, paid, savings [money in the ladder's months], esr, coverage,
        utilisation [1], lock_in_committed, lock_in_usage [months, just after the first purchases], loss_third [money in
        the ladder's months paid more than without any commitment if demand falls by a third tomorrow; 0 if none],
        break_even [months after which the first purchases have paid for themselves, if nothing is used then].
    frontier : DataFrame
        lock_in [months], savings [money in the ladder's months], esr, chosen (bool).
    notes : list of str
    """

    purchases: pd.DataFrame
    figures: pd.DataFrame
    frontier: pd.DataFrame
    notes: list[str] = field(default_factory=list)


@dataclass
class _Pool:
    history: History
    window: Array
    days: Array
    options: list[Option]
    upfront: list[float]
    payment: list[str]
    before: list[tuple[str | None, float, float, date]]  # type, units, rate, ends
    moves: tuple[Move, ...]
    bought: list[tuple[int, int, str | None, float, str]] = field(default_factory=list)


def plan(
    demand: pd.DataFrame, existing: pd.DataFrame, settings: Settings, events: pd.DataFrame | None = None
) -> Plan:
    """Plan the commitments of every pool.

    Parameters
    ----------
    demand : DataFrame
        Eligible use at on-demand price: time (hours or days, UTC; the column is named ``hour`` or ``day``), pool, type,
        demand [money in that hour or day]. A pool is what one flexible commitment covers, in one currency.
    existing : DataFrame
        pool, type (empty: flexible), quantity [on-demand money per hour covered], rate, ends (first day without it).
    settings : Settings
    events : DataFrame, optional
        pool, known_on, start, end, from_type, to_type, share: planned migrations.

    Raises
    ------
    Refused
        If a limit cannot be kept: which one, and the nearest that can.
    """
    notes: list[str] = []
    pools = _pools(demand, existing, settings, events, notes)
    lifetimes = Lifetimes([p.history for p in pools])
    for pool in pools:
        _ladder(pool, settings, lifetimes, pools, notes)
    frontier = _frontier(pools, settings, lifetimes)
    return Plan(_table(pools, settings), _figures(pools, settings), frontier, notes)


def _pools(
    demand: pd.DataFrame, existing: pd.DataFrame, settings: Settings, events: pd.DataFrame | None, notes: list
) -> list[_Pool]:
    column = "hour" if "hour" in demand else "day"
    moments = pd.to_datetime(demand[column], utc=True).dt.tz_localize(None)
    past = moments < pd.Timestamp(settings.start)
    found = []
    for name, own in demand[past].groupby(demand["pool"][past].astype(str)):
        table = own.assign(demand=own["demand"].astype(float), at=moments[own.index])
        table = table.pivot_table(index="at", columns="type", values="demand", aggfunc="sum", fill_value=0.0)
        end = pd.Timestamp(settings.start)
        if column == "hour":
            whole = pd.date_range(table.index.min(), end, freq="h", inclusive="left")
            known = whole.isin(table.index)
            use = table.reindex(whole, fill_value=0.0).to_numpy()
        else:
            whole = pd.date_range(table.index.min(), end, freq="D", inclusive="left")
            known = np.repeat(whole.isin(table.index), HOURS_A_DAY)
            use = np.repeat(table.reindex(whole, fill_value=0.0).to_numpy() / HOURS_A_DAY, HOURS_A_DAY, 0)
            notes.append(f"{name}: demand is known by day, so what hours differ within a day is not seen")
        start = np.datetime64(whole[0], "h")
        history = History(str(name), start, tuple(str(c) for c in table.columns), use, known)
        window, days = recent(history)
        if not window.sum():
            notes.append(f"{name}: no demand in the last four weeks, so nothing is bought")
        found.append(_pool(history, window, days, existing, settings, events))
    return found


def _pool(history: History, window: Array, days: Array, existing: Any, settings: Settings, events: Any) -> _Pool:
    offers = settings.instruments
    if "pool" in offers:
        mine = offers["pool"].fillna("").astype(str).isin(["", history.name])
        offers = offers[mine]
    options, upfront, payments = [], [], []
    for row in offers.to_dict("records"):
        payment = str(row.get("payment") or "none")
        options.append(Option(row["scope"], float(row["rate"]), int(row["term"]), str(row.get("name") or row["scope"])))
        upfront.append(UPFRONT[payment])
        payments.append(payment)
    held = existing[existing["pool"].astype(str) == history.name].to_dict("records") if len(existing) else []
    before = [
        (str(r["type"]) if _given(r["type"]) else None, float(r["quantity"]), float(r["rate"]), _date(r["ends"]))
        for r in held
    ]
    moves = ()
    if events is not None and len(events):
        mine = events[events["pool"].astype(str) == history.name]
        seen = [r for r in mine.to_dict("records") if _date(r["known_on"]) <= settings.start]
        moves = tuple(
            Move(_date(r["start"]), _date(r["end"]), str(r["from_type"]), str(r["to_type"]), float(r["share"]))
            for r in seen
        )
    return _Pool(history, window * (1 - settings.decline), days, options, upfront, payments, before, moves)


def _given(value: Any) -> bool:
    return value is not None and value == value and value != ""


def _date(value: Any) -> date:
    return pd.Timestamp(value).date()


def _standing(pool: _Pool, settings: Settings, ahead: int) -> list[tuple[str | None, float, float, float]]:
    """What stands in a month ahead: type, units, rate, months left."""
    first = Month.of(settings.start).plus(ahead)
    day = first.start.date()
    found = [(t, u, r, _months(day, ends)) for t, u, r, ends in pool.before if ends > day]
    for bought, at, kind, units, _ in pool.bought:
        option = pool.options[at]
        if bought <= ahead < bought + option.term:
            found.append((kind, units, option.rate, float(bought + option.term - ahead)))
    return found


def _months(day: date, ends: date) -> float:
    return (ends - day).days / 30.44


def _ladder(pool: _Pool, settings: Settings, lifetimes: Lifetimes, pools: list[_Pool], notes: list) -> None:
    if not pool.window.sum():
        return
    for ahead in range(settings.months):
        now = _situation(pool, settings, lifetimes, ahead)
        limits = _limits(pool, settings, now, ahead, pools)
        found = decide(now, pool.options, limits=limits)
        if not found.answer.feasible:
            raise _infeasible(pool, settings, now, ahead, pools)
        if settings.aggressiveness < 1:
            found = decide(now, pool.options, limits=_tamed(limits, settings, now, found.units.sum()))
        for at, i in np.argwhere(found.units > 0):
            kind = None if i == len(now.types) else now.types[i]
            pool.bought.append((ahead, int(at), kind, float(found.units[at, i]), _why(pool, now, kind, found.bet)))


def _situation(pool: _Pool, settings: Settings, lifetimes: Lifetimes, ahead: int) -> Situation:
    types = pool.history.types
    by_type, pooled = np.zeros(len(types)), 0.0
    for kind, units, _, _ in _standing(pool, settings, ahead):
        if kind in types:
            by_type[types.index(kind)] += units
        elif kind is None:
            pooled += units
    terms = max((o.term for o in pool.options), default=12)
    alive = np.stack([_alive(pool.history, lifetimes, i, terms) for i in range(len(types))])
    day = Month.of(settings.start).plus(ahead).start.date()
    today = int(np.datetime64(day, "D").astype(int))
    return Situation(types, pool.window, pool.days, today, by_type, pooled, alive, pool.moves)


def _alive(history: History, lifetimes: Lifetimes, i: int, term: int) -> Array:
    used = history.use[:, i] > 0
    born = int(used.argmax()) // HOURS_A_DAY if used.any() else len(history.use) // HOURS_A_DAY
    return lifetimes.chances(history.name, history.types[i], born, term)


def _trough(now: Situation) -> float:
    return float(now.window.sum(1).min())


def _limits(pool: _Pool, settings: Settings, now: Situation, ahead: int, pools: list[_Pool], only: str = "") -> Any:
    """The settings as limits on what is bought in a month."""
    size = float(now.window.sum(1).mean())
    standing = _standing(pool, settings, ahead)

    def made(columns: list[tuple[Option, str | None]]) -> tuple[Limit, ...]:
        found = []
        if settings.base_level > 0:
            lacks = settings.base_level * _trough(now) - sum(u for _, u, _, _ in standing)
            if lacks > 0:
                found.append(Limit(np.ones(len(columns)), least=lacks))
        if settings.lock_in_cap is not None and only in ("", "lock_in_cap"):
            spent = sum(u * r * left for _, u, r, left in standing)
            room = settings.lock_in_cap * size - spent
            found.append(Limit(np.array([o.rate * o.term for o, _ in columns]), most=max(room, 0.0)))
        if settings.prepay is not None and only in ("", "prepay"):
            room = _room(pool, settings, ahead, pools)
            paid = {o.name: u for o, u in zip(pool.options, pool.upfront, strict=True)}
            by = np.array([o.rate * o.term * HOURS_A_MONTH * paid[o.name] for o, _ in columns])
            found.append(Limit(by, most=room))
        return tuple(found)

    return made


def _room(pool: _Pool, settings: Settings, ahead: int, pools: list[_Pool]) -> float:
    """What may still be paid upfront in the quarter, this pool's part by its demand."""
    month = Month.of(settings.start).plus(ahead)
    quarter = _quarter(month)
    budget = float((settings.prepay or {}).get(quarter, Decimal(0)))
    sizes = [p.window.sum(1).mean() if len(p.window) else 0.0 for p in pools]
    mine = pool.window.sum(1).mean() / sum(sizes)
    spent = sum(
        _upfront(pool, at, units)
        for bought, at, _, units, _ in pool.bought
        if _quarter(Month.of(settings.start).plus(bought)) == quarter
    )
    return max(budget * mine - spent, 0.0)


def _upfront(pool: _Pool, at: int, units: float) -> float:
    option = pool.options[at]
    return units * option.rate * option.term * HOURS_A_MONTH * pool.upfront[at]


def _quarter(month: Month) -> str:
    return f"{month.year}-Q{(month.month + 2) // 3}"


def _tamed(limits: Any, settings: Settings, now: Situation, best: float) -> Any:
    """As `limits`, and from the trough no further than a share of the way to the best."""
    stands = float(now.by_type.sum() + now.pooled)
    trough = _trough(now)
    most = max(trough + settings.aggressiveness * max(stands + best - trough, 0.0) - stands, 0.0)
    return lambda columns: (*limits(columns), Limit(np.ones(len(columns)), most=most))


def _infeasible(pool: _Pool, settings: Settings, now: Situation, ahead: int, pools: list[_Pool]) -> Refused:
    caps = [n for n in ("lock_in_cap", "prepay") if getattr(settings, n) is not None]
    guilty = [n for n in caps if not decide(now, pool.options, limits=_limits(pool, settings, now, ahead, pools, n)).answer.feasible]  # fmt: skip
    low, high = 0.0, settings.base_level
    for _ in range(12):
        tried = (low + high) / 2
        made = _limits(pool, replace(settings, base_level=tried), now, ahead, pools)
        low, high = (tried, high) if decide(now, pool.options, limits=made).answer.feasible else (low, tried)
    named = " and ".join(guilty or caps)
    return Refused(
        f"{pool.history.name}, {Month.of(settings.start).plus(ahead)}: base_level {settings.base_level:g} cannot be kept together with {named}",
        "limits that can be kept together",
        f"the nearest is base_level {int(low * 100) / 100:g} (share of the trough), or raise {named}",
    )


def _why(pool: _Pool, now: Situation, kind: str | None, bet: tuple[str, ...]) -> str:
    if kind is None:
        risky = [t for i, t in enumerate(now.types) if t not in bet and now.window[:, i].mean() > 0.05 * now.window.sum(1).mean()]
        because = f", {', '.join(risky)} may be replaced within the term" if risky else ""
        return f"steady use that commitments to types leave over{because}"
    lives = now.alive[now.types.index(kind), :12].mean()
    return f"{kind} is expected to serve {lives:.0%} of the coming year, and its commitment costs less than a flexible one"


def _money(value: float) -> Decimal:
    return Decimal(f"{value:.6f}").quantize(CENT)


def _table(pools: list[_Pool], settings: Settings) -> pd.DataFrame:
    rows = []
    for pool in pools:
        for ahead, at, kind, units, why in pool.bought:
            option = pool.options[at]
            month = Month.of(settings.start).plus(ahead)
            quantity, committed = (Decimal(f"{v:.6f}") for v in (units, units * option.rate))
            upfront = _money(_upfront(pool, at, units))
            rows.append((pool.history.name, month.start.date(), option.name, option.scope, kind or "", quantity, committed, option.term, pool.payment[at], upfront, month.plus(option.term).start.date(), why))  # fmt: skip
    return pd.DataFrame(rows, columns=list(BOUGHT))


def _costs(pool: _Pool, settings: Settings, scale: float = 1.0, only: int | None = None) -> dict[str, float]:
    """Over the ladder's months, with the demand as it is times `scale`: paid, on demand, used and standing units."""
    sums = dict.fromkeys(("paid", "on_demand", "committed", "used", "standing"), 0.0)
    if not len(pool.window):
        return sums
    types = pool.history.types
    true = pool.window / max(1 - settings.decline, 1e-9) * scale
    kept = pool.bought if only is None else [b for b in pool.bought if b[0] <= only]
    mine = replace_bought(pool, kept)
    for ahead in range(settings.months):
        by_type, pooled, cost, units = np.zeros(len(types)), 0.0, 0.0, 0.0
        for kind, many, rate, _ in _standing(mine, settings, ahead):
            cost, units = cost + many * rate, units + many
            if kind in types:
                by_type[types.index(kind)] += many
            elif kind is None:
                pooled += many
        use = _moved(pool, true, settings, ahead)
        left = np.clip(np.clip(use[0] - by_type, 0, None).sum(1) + use[1] - pooled, 0, None).mean()
        whole = true.sum(1).mean()
        for name, value in zip(sums, (cost + left, whole, cost, whole - left, units), strict=True):
            sums[name] += value * HOURS_A_MONTH
    return sums


def replace_bought(pool: _Pool, bought: list) -> _Pool:
    """The pool with other purchases."""
    return replace(pool, bought=bought)


def _moved(pool: _Pool, use: Array, settings: Settings, ahead: int) -> tuple[Array, Array]:
    """Demand by type in a month ahead, and what has moved to types not yet seen."""
    use, away = use.copy(), np.zeros(len(use))
    middle = np.array([np.datetime64(Month.of(settings.start).plus(ahead).start.date(), "D").astype(int) + 15])
    types = pool.history.types
    for move in pool.moves:
        if move.source not in types:
            continue
        stays = move.stays(move.done(middle)[0], pool.days)
        gone = use[:, types.index(move.source)] * (1 - stays)
        use[:, types.index(move.source)] -= gone
        if move.target in types:
            use[:, types.index(move.target)] += gone
        else:
            away += gone
    return use, away


def _lock_in(pools: Sequence[_Pool], settings: Settings) -> tuple[float, float]:
    """Months of committed cost, per committed money and per on-demand money of use, just after the first purchases."""
    stands = [(u * r, left) for p in pools for _, u, r, left in _standing(p, settings, 0)]
    cost, weighted = sum(c for c, _ in stands), sum(c * left for c, left in stands)
    use = sum(p.window.sum(1).mean() / max(1 - settings.decline, 1e-9) for p in pools if len(p.window))
    nan = float("nan")
    return weighted / cost if cost else nan, weighted / use if use else nan


def _figures(pools: list[_Pool], settings: Settings) -> pd.DataFrame:
    rows = []
    for name, mine in [*((p.history.name, [p]) for p in pools), ("all", pools)]:
        sums, fallen = (_total([_costs(p, settings, scale) for p in mine]) for scale in (1.0, 2 / 3))
        lock = _lock_in(mine, settings)
        loss = max(fallen["paid"] - fallen["on_demand"], 0.0)
        rows.append(
            {
                "pool": name,
                "on_demand": _money(sums["on_demand"]),
                "paid": _money(sums["paid"]),
                "savings": _money(sums["on_demand"] - sums["paid"]),
                "esr": _share(sums["on_demand"] - sums["paid"], sums["on_demand"]),
                "coverage": _share(sums["used"], sums["on_demand"]),
                "utilisation": _share(sums["used"], sums["standing"]),
                "lock_in_committed": lock[0],
                "lock_in_usage": lock[1],
                "loss_third": _money(loss),
                "break_even": _break_even(mine),
            }
        )
    return pd.DataFrame(rows)


def _total(parts: list[dict[str, float]]) -> dict[str, float]:
    return {n: sum(p[n] for p in parts) for n in ("paid", "on_demand", "committed", "used", "standing")}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _break_even(pools: list[_Pool]) -> float:
    """Months of full use after which the first purchases have cost no more than on demand."""
    first = [(u, p.options[at]) for p in pools for ahead, at, _, u, _ in p.bought if ahead == 0]
    units = sum(u for u, _ in first)
    return sum(u * o.rate * o.term for u, o in first) / units if units else float("nan")


def _frontier(pools: list[_Pool], settings: Settings, lifetimes: Lifetimes) -> pd.DataFrame:
    """The ladder again with ever less lock-in."""
    chosen = _lock_in(pools, settings)[1]
    rows = []
    for share in FRONTIER:
        mine = [replace_bought(p, []) for p in pools]
        if share < 1:
            stands = _lock_in(mine, settings)[1]
            cap = (stands if stands == stands else 0.0) + share * max(chosen - (stands if stands == stands else 0.0), 0.0)
            less = replace(settings, lock_in_cap=cap, base_level=0.0)
            for pool in mine:
                _ladder(pool, less, lifetimes, mine, [])
        else:
            mine = pools
        sums = _total([_costs(p, settings) for p in mine])
        saved = sums["on_demand"] - sums["paid"]
        rows.append((_lock_in(mine, settings)[1], _money(saved), _share(saved, sums["on_demand"]), share == 1))
    return pd.DataFrame(rows, columns=["lock_in", "savings", "esr", "chosen"])
