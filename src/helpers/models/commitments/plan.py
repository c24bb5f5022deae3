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

from helpers.models.commitments import lock_in
from helpers.models.commitments.cost import left_over
from helpers.models.commitments.cover import Limit
from helpers.models.commitments.history import DAYS_A_MONTH, HOURS_A_DAY, HOURS_A_MONTH, History
from helpers.models.commitments.lifetimes import Lifetimes
from helpers.models.commitments.lock_in import Standing
from helpers.models.commitments.planner import Move, Option, Situation, decide
from helpers.models.commitments.walk_forward import alive, recent
from helpers.terms.errors import Refused
from helpers.terms.period import Month

Array = Any
QUARTER = 3  # months
SUMS: tuple[str, ...] = ("paid", "on_demand", "committed", "used", "standing")
UPFRONT = {"none": 0.0, "partial": 0.5, "all": 1.0}
CENT = Decimal("0.01")
SURE = 0.9  # a type expected to serve less of the year is named as in danger
FRONTIER = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the chosen lock-in
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

    @property
    def capped(self) -> bool:
        """Whether a later month may buy what an earlier one was not allowed to."""
        return self.lock_in_cap is not None or self.prepay is not None


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
        utilisation [1], lock_in_committed, lock_in_usage [months, just after the first purchases], loss_third [money for
        commitments, from just after the first purchases until they end, that nobody would use if demand fell by a third
        tomorrow], break_even [months of full use after which the first purchases have cost no more than on demand].
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
        _ladder(pool, settings, lifetimes, pools)
    frontier = _frontier(pools, settings, lifetimes)
    return Plan(_table(pools, settings), _figures(pools, settings), frontier, notes)


def histories(demand: pd.DataFrame, until: date) -> list[History]:
    """Demand before a day, pool by pool, as the other modules of this package read it; days count as even hours."""
    demand = demand.reset_index(drop=True)
    column = "hour" if "hour" in demand else "day"
    moments = pd.to_datetime(demand[column], utc=True).dt.tz_localize(None)
    past = moments < pd.Timestamp(until)
    found = []
    for name, own in demand[past].groupby(demand["pool"][past].astype(str)):
        table = own.assign(demand=own["demand"].astype(float), at=moments[own.index])
        table = table.pivot_table(index="at", columns="type", values="demand", aggfunc="sum", fill_value=0.0)
        grain, each = ("h", 1) if column == "hour" else ("D", HOURS_A_DAY)
        whole = pd.date_range(table.index.min(), pd.Timestamp(until), freq=grain, inclusive="left")
        known = np.repeat(whole.isin(table.index), each)
        use = np.repeat(table.reindex(whole, fill_value=0.0).to_numpy() / each, each, axis=0)
        found.append(
            History(
                str(name), np.datetime64(str(whole[0]), "h"), tuple(str(c) for c in table.columns), use, known
            )
        )
    return found


def _pools(
    demand: pd.DataFrame, existing: pd.DataFrame, settings: Settings, events: pd.DataFrame | None, notes: list
) -> list[_Pool]:
    found = []
    for history in histories(demand, settings.start):
        window, days = recent(history)
        if "hour" not in demand:
            notes.append(
                f"{history.name}: demand is known by day, so what hours differ within a day is not seen"
            )
        if not window.sum():
            notes.append(f"{history.name}: no demand in the last four weeks, so nothing is bought")
        found.append(_pool(history, window, days, existing, settings, events))
    return found


def _pool(
    history: History, window: Array, days: Array, existing: Any, settings: Settings, events: Any
) -> _Pool:
    offers: Any = settings.instruments
    if "pool" in offers:
        mine = offers["pool"].fillna("").astype(str).isin(["", history.name])
        offers = offers[mine]
    options, upfront, payments = [], [], []
    for row in offers.to_dict("records"):
        payment = str(row.get("payment") or "none")
        options.append(
            Option(row["scope"], float(row["rate"]), int(row["term"]), str(row.get("name") or row["scope"]))
        )
        upfront.append(UPFRONT[payment])
        payments.append(payment)
    own: Any = existing[existing["pool"].astype(str) == history.name] if len(existing) else existing
    held = own.to_dict("records")
    before = [
        (
            str(r["type"]) if _given(r["type"]) else None,
            float(r["quantity"]),
            float(r["rate"]),
            _date(r["ends"]),
        )
        for r in held
    ]
    moves = ()
    if events is not None and len(events):
        mine = events[events["pool"].astype(str) == history.name]
        seen = [r for r in mine.to_dict("records") if _date(r["known_on"]) <= settings.start]
        moves = tuple(
            Move(
                _date(r["start"]), _date(r["end"]), str(r["from_type"]), str(r["to_type"]), float(r["share"])
            )
            for r in seen
        )
    return _Pool(history, window * (1 - settings.decline), days, options, upfront, payments, before, moves)


def _given(value: Any) -> bool:
    return value is not None and value == value and value != ""


def _date(value: Any) -> date:
    return pd.to_datetime(value).date()


def _standing(pool: _Pool, settings: Settings, ahead: int) -> list[Standing]:
    """What stands in a month ahead. The type of a commitment that nobody uses any more has no place: it stands idle."""
    day = Month.of(settings.start).plus(ahead).start.date()
    types = pool.history.types
    found = [
        Standing(_place(types, t), u, r, (ends - day).days / DAYS_A_MONTH)
        for t, u, r, ends in pool.before
        if ends > day
    ]
    for bought, at, kind, units, _ in pool.bought:
        option = pool.options[at]
        if bought <= ahead < bought + option.term:
            found.append(
                Standing(_place(types, kind), units, option.rate, float(bought + option.term - ahead))
            )
    return found


def _place(types: tuple[str, ...], kind: str | None) -> int | None:
    """-1 for a type that is not used."""
    return None if kind is None else types.index(kind) if kind in types else -1


def _ladder(pool: _Pool, settings: Settings, lifetimes: Lifetimes, pools: list[_Pool]) -> None:
    if not pool.window.sum():
        return
    terms = max((o.term for o in pool.options), default=12)
    lives = alive(pool.history, lifetimes, terms)
    before: Any = None
    for ahead in range(settings.months):
        now = _situation(pool, settings, lives, ahead)
        state = (_standing(pool, settings, ahead), [m.done(np.array([now.today + 15])) for m in pool.moves])
        if before is not None and not _changed(before, state) and (not settings.capped or ahead % QUARTER):
            continue  # nothing ends, nothing moves, and what could be bought was
        limits = _limits(pool, settings, now, ahead, pools)
        found = decide(now, pool.options, limits=limits)
        if not found.answer.feasible:
            raise _infeasible(pool, settings, now, ahead, pools)
        if settings.aggressiveness < 1:
            found = decide(now, pool.options, limits=_tamed(limits, settings, now, found.units.sum()))
        for at, i in np.argwhere(found.units > 0):
            kind = None if i == len(now.types) else now.types[i]
            pool.bought.append(
                (ahead, int(at), kind, float(found.units[at, i]), _why(now, kind, found.units[:, :-1].sum(0)))
            )
        before = (_standing(pool, settings, ahead), state[1])


def _changed(before: Any, now: Any) -> bool:
    """Whether units that stood stand no more, or plans have moved on."""
    stood, stands = ([(s.type, s.units, s.rate) for s in part[0]] for part in (before, now))
    return stood != stands or any(a != b for a, b in zip(before[1], now[1], strict=True))


def _situation(pool: _Pool, settings: Settings, lives: Array, ahead: int) -> Situation:
    by_type, pooled = lock_in.units(_standing(pool, settings, ahead), len(pool.history.types))
    day = Month.of(settings.start).plus(ahead).start.date()
    today = int(np.datetime64(day, "D").astype(int))
    return Situation(pool.history.types, pool.window, pool.days, today, by_type, pooled, lives, pool.moves)


def _trough(now: Situation) -> float:
    return float(now.window.sum(1).min())


def _limits(
    pool: _Pool, settings: Settings, now: Situation, ahead: int, pools: list[_Pool], only: str = ""
) -> Any:
    """The settings as limits on what is bought in a month."""
    size = float(now.window.sum(1).mean())
    standing = _standing(pool, settings, ahead)

    def made(columns: list[tuple[Option, str | None]]) -> tuple[Limit, ...]:
        found = []
        if settings.base_level > 0:
            lacks = settings.base_level * _trough(now) - sum(s.units for s in standing)
            if lacks > 0:
                found.append(Limit(np.ones(len(columns)), least=lacks))
        if settings.lock_in_cap is not None and only in ("", "lock_in_cap"):
            spent = sum(s.cost * s.left for s in standing)
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
    named = quarter(month)
    budget = float((settings.prepay or {}).get(named, Decimal(0)))
    sizes = [p.window.sum(1).mean() if len(p.window) else 0.0 for p in pools]
    mine = pool.window.sum(1).mean() / sum(sizes)
    spent = sum(
        _upfront(pool, at, units)
        for bought, at, _, units, _ in pool.bought
        if quarter(Month.of(settings.start).plus(bought)) == named
    )
    return max(budget * mine - spent, 0.0)


def _upfront(pool: _Pool, at: int, units: float) -> float:
    option = pool.options[at]
    return units * option.rate * option.term * HOURS_A_MONTH * pool.upfront[at]


def quarter(month: Month) -> str:
    """``2026-Q4``: as `Settings.prepay` names it."""
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


def _why(now: Situation, kind: str | None, units: Array) -> str:
    if kind is None:
        size = now.window.mean(0)
        left = size > np.maximum(0.05 * size.sum(), 2 * (now.by_type + units))
        named = [
            t
            for t, is_left, lives in zip(now.types, left, now.alive[:, :12].mean(1), strict=True)
            if is_left and lives < SURE
        ]
        because = f"; {', '.join(named)} may be replaced within the term" if named else ""
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


def _costs(pool: _Pool, settings: Settings) -> dict[str, float]:
    """Over the ladder's months with the demand as it is: paid, on demand, used and standing units."""
    sums: dict[str, float] = dict.fromkeys(SUMS, 0.0)
    if not len(pool.window):
        return sums
    true = _true(pool, settings)
    for ahead in range(settings.months):
        standing = _standing(pool, settings, ahead)
        by_type, pooled = lock_in.units(standing, len(pool.history.types))
        use, away = _moved(pool, true, settings, ahead)
        left = left_over(use, by_type, pooled, away).mean()
        whole, cost = true.sum(1).mean(), sum(s.cost for s in standing)
        values = (cost + left, whole, cost, whole - left, sum(s.units for s in standing))
        for name, value in zip(sums, values, strict=True):
            sums[name] += value * HOURS_A_MONTH
    return sums


def _true(pool: _Pool, settings: Settings) -> Array:
    """The last weeks' demand as it was, without the fall that the plan is sized for."""
    return pool.window / max(1 - settings.decline, 1e-9)


def _moved(pool: _Pool, use: Array, settings: Settings, ahead: int) -> tuple[Array, Array]:
    """Demand by type in a month ahead, and what has moved to types not yet seen."""
    use, away = use.copy(), np.zeros(len(use))
    middle = np.array(
        [np.datetime64(Month.of(settings.start).plus(ahead).start.date(), "D").astype(int) + 15]
    )
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
    use = sum(_true(p, settings).sum(1).mean() for p in pools if len(p.window))
    return lock_in.months([s for p in pools for s in _standing(p, settings, 0)], float(use))


def _loss(pool: _Pool, settings: Settings) -> float:
    """Money for commitments that nobody would use if demand fell by a third tomorrow."""
    true = _true(pool, settings)
    if not len(true):
        return 0.0
    stands = _standing(pool, settings, 0)
    idle = sum(s.cost * s.left for s in stands if s.type == -1)
    placed = [s for s in stands if s.type != -1]
    return (lock_in.unused(placed, true) * float(true.sum(1).mean()) + idle) * HOURS_A_MONTH


def _figures(pools: list[_Pool], settings: Settings) -> pd.DataFrame:
    rows = []
    for name, mine in [*((p.history.name, [p]) for p in pools), ("all", pools)]:
        sums = _total([_costs(p, settings) for p in mine])
        lock = _lock_in(mine, settings)
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
                "loss_third": _money(sum(_loss(p, settings) for p in mine)),
                "break_even": _break_even(mine),
            }
        )
    return pd.DataFrame(rows)


def _total(parts: list[dict[str, float]]) -> dict[str, float]:
    return {n: sum(p[n] for p in parts) for n in SUMS}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _break_even(pools: list[_Pool]) -> float:
    """Months of full use after which the first purchases have cost no more than on demand."""
    first = [(u, p.options[at]) for p in pools for ahead, at, _, u, _ in p.bought if ahead == 0]
    units = sum(u for u, _ in first)
    return sum(u * o.rate * o.term for u, o in first) / units if units else float("nan")


def _frontier(pools: list[_Pool], settings: Settings, lifetimes: Lifetimes) -> pd.DataFrame:
    """The ladder again with ever less lock-in."""
    rows = []
    for share in FRONTIER:
        mine = [replace(p, bought=[]) for p in pools]
        if share < 1:
            for pool, own in zip(mine, pools, strict=True):
                before, after = (_lock_in([p], settings)[1] for p in (pool, own))
                if after == after:  # a pool without demand has none
                    cap = before + share * max(after - before, 0.0)
                    _ladder(pool, replace(settings, lock_in_cap=cap, base_level=0.0), lifetimes, mine)
        else:
            mine = pools
        sums = _total([_costs(p, settings) for p in mine])
        saved = sums["on_demand"] - sums["paid"]
        rows.append(
            (_lock_in(mine, settings)[1], _money(saved), _share(saved, sums["on_demand"]), share == 1)
        )
    return pd.DataFrame(rows, columns=["lock_in", "savings", "esr", "chosen"])
