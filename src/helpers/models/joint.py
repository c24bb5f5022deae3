"""Use less and pay less for it, planned together: schedules and sizes, and the commitments on what remains.

A mixed-integer program over the hours of a usual week and the months until the horizon. Binaries choose at most one way to
use less for each resource; continuous amounts are bought of each instrument at the dates at which commitments of today end.
Within an hour commitments bound to a type cover first, flexible ones what is left: for fixed choices that order costs least,
so the program finds it by itself. Solved with HiGHS through scipy.

Money inside is float and comes out as Decimal at two places. Method, limits and measured results: docs/procurement.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.terms.errors import UsageError
from helpers.terms.week import Week

if TYPE_CHECKING:
    import pandas as pd

HOURS = 168  # of a usual week, Monday 00:00 UTC first
WEEKS = 365.25 / 12 / 7  # of a month
ALWAYS = (1.0,) * HOURS
CENT = Decimal("0.01")
ORDERS = (
    ("nothing", "Nothing is done"),
    ("less", "Only use less"),
    ("commit", "Only commitments"),
    ("commit-less", "Commitments first, then use less"),
    ("less-commit", "Use less first, then commitments"),
    ("joint", "Both together"),
)


@dataclass(frozen=True)
class Option:
    """One way to use less of a resource.

    Attributes
    ----------
    kind : str
        ``schedule``, ``oversized machine``, …, several joined by `` + ``.
    keep : tuple of float
        Share kept in each hour of the week [1].
    effort : float
        What doing it costs once [currency].
    words : str
    """

    kind: str
    keep: tuple[float, ...]
    effort: float = 0.0
    words: str = ""


@dataclass(frozen=True)
class Load:
    """A resource that commitments could cover.

    Attributes
    ----------
    id, name, pool, type : str
        `pool`: what one flexible instrument covers together; `type`: what bound ones are bound to.
    hourly : float
        Cost of an hour without commitments [currency/h].
    options : tuple of Option
    hours : tuple of float
        Shape over the week [1]; 1 everywhere for what runs always.
    """

    id: str
    name: str
    pool: str
    type: str
    hourly: float
    options: tuple[Option, ...] = ()
    hours: tuple[float, ...] = ALWAYS


@dataclass(frozen=True)
class Held:
    """A commitment of today: covers usage worth `worth` an hour at on-demand prices, for `price` an hour, used or not.

    Attributes
    ----------
    id, pool, type : str
        `type` empty: flexible.
    worth, price : float
        [currency/h]
    months : float
        Until it ends [months].
    """

    id: str
    pool: str
    type: str
    worth: float
    price: float
    months: float


@dataclass(frozen=True)
class Offer:
    """What can be bought: `rate` of the on-demand price, for usage of a pool (`type` empty) or of one type in it."""

    instrument: str
    pool: str
    type: str
    rate: float
    term: int = 12


@dataclass(frozen=True)
class Buy:
    """A purchase: instrument, pool, type, usage worth covered and price [currency/h], months from now until it begins [months]."""

    instrument: str
    pool: str
    type: str
    worth: float
    price: float
    month: float
    term: int


@dataclass(frozen=True)
class Outcome:
    """What one order comes to over the horizon.

    Attributes
    ----------
    order : str
    cost : Decimal
        On demand, commitments of today and bought ones, and effort, over the horizon [currency].
    chosen : dict
        Resource -> option.
    bought : tuple of Buy
    loses : Decimal
        Cost above that of both together [currency].
    """

    order: str
    cost: Decimal
    chosen: Mapping[str, Option]
    bought: tuple[Buy, ...]
    loses: Decimal = Decimal(0)


@dataclass(frozen=True)
class Problem:
    """Everything that is planned over.

    Attributes
    ----------
    loads, held, offers
    months : int
        Horizon [months].
    decline : float
        Share of demand that may go without a purchase lying idle [1]: purchases are sized on what then remains.
    most : float or None
        Cap on what may be bought [currency/h]; None: none.
    room : mapping, optional
        (pool, type) -> worth that is safe to be committed to, with type empty of the pool as a whole [currency/h] (`helpers.models.remaining`);
        what is not named is limited by what runs on average.
    """

    loads: tuple[Load, ...]
    held: tuple[Held, ...] = ()
    offers: tuple[Offer, ...] = ()
    months: int = 12
    decline: float = 0.0
    most: float | None = None
    room: Mapping[tuple[str, str], float] | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.months <= 60:
            raise UsageError(f"horizon of {self.months} months", "1 to 60 months", "take 12")
        if not 0 <= self.decline < 1:
            raise UsageError(f"decline {self.decline}", "a share from 0 to below 1", "write it like 0.2")
        for o in self.offers:
            if not 0 < o.rate < 1:
                raise UsageError(f"rate {o.rate} of {o.instrument}", "a share between 0 and 1", "a commitment dearer than on demand is none")  # fmt: skip

    @property
    def phases(self) -> list[tuple[float, float]]:
        """Months between the ends of today's commitments: (from, to)."""
        ends = sorted(
            {min(h.months, float(self.months)) for h in self.held if h.months > 0} | {0.0, float(self.months)}
        )
        return [(a, b) for a, b in itertools.pairwise(ends) if b - a > 1e-9]

    @property
    def horizon_note(self) -> str:
        """A warning where a term is longer than the horizon; empty else."""
        o = next((o for o in self.offers if o.term > self.months), None)
        return "" if o is None else (
            f"The horizon of {self.months} months is shorter than the term of {o.term}: what a purchase costs after the horizon is "
            "not weighed. Take a horizon of at least the term."
        )  # fmt: skip


def orders(problem: Problem) -> list[Outcome]:
    """Every order's cost, and what it loses against both together."""
    found = {
        "nothing": _solve(problem, less=False, commit=False),
        "less": _solve(problem, less=True, commit=False),
        "commit": _solve(problem, less=False, commit=True),
    }
    bought = found["commit"].bought
    found["commit-less"] = _solve(problem, less=True, commit=False, bought=bought)
    blind = _solve(Problem(problem.loads, (), (), problem.months), less=True, commit=False).chosen
    found["less-commit"] = _solve(problem, less=False, commit=True, chosen=blind)
    found["joint"] = _solve(problem, less=True, commit=True)
    best = found["joint"].cost
    return [
        Outcome(name, o.cost, o.chosen, o.bought, o.cost - best) for name, _ in ORDERS for o in [found[name]]
    ]


def given(
    problem: Problem, *, chosen: Mapping[str, Option], bought: Sequence[Buy] = (), commit: bool = False
) -> Outcome:
    """What a problem costs with these choices and purchases; with `commit` what more is bought is free."""
    return _solve(problem, less=False, commit=commit, bought=bought, chosen=chosen)


def _solve(problem: Problem, *, less: bool, commit: bool, bought: Sequence[Buy] = (), chosen: Mapping[str, Option] | None = None) -> Outcome:  # fmt: skip
    """The cheapest plan when using less and buying are each free or not; `bought` and `chosen` are given beforehand."""
    cost, picks, buys = 0.0, {}, list(bought)
    pools = sorted({x.pool for x in (*problem.loads, *problem.held)})
    if commit and problem.most is not None:  # a cap joins the pools
        return _program(problem, pools, less, bought, chosen)
    for pool in pools:
        mine = [b for b in bought if b.pool == pool]
        one = _program(_of_pool(problem, pool), [pool], less, mine, chosen, commit=commit)
        cost += float(one.cost)
        picks |= dict(one.chosen)
        buys += one.bought
    return Outcome("", _money(cost), picks, tuple(buys))


def _of_pool(problem: Problem, pool: str) -> Problem:
    """A pool by itself, with only its own dates."""
    held = tuple(h for h in problem.held if h.pool == pool)
    return replace(problem, loads=tuple(x for x in problem.loads if x.pool == pool), held=held)


def _program(problem: Problem, pools: Sequence[str], less: bool, bought: Sequence[Buy], given: Mapping[str, Option] | None, commit: bool = True) -> Outcome:  # fmt: skip
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import coo_array

    loads = [x for x in problem.loads if x.pool in pools]
    free = [(x, o) for x in loads for o in x.options] if less and given is None else []
    base = {}
    for x in loads:
        keep = (given or {}).get(x.id)
        base[x.id] = np.array(x.hours) * x.hourly * (np.array(keep.keep) if keep else 1.0)
    effort = sum(o.effort for i, o in (given or {}).items() if i in base)
    kinds, weights = _hours(loads, base, free)
    groups = sorted({(x.pool, x.type) for x in loads})
    phases = problem.phases
    fixed = _fixed_cost(problem, pools, bought, phases)
    offers = [o for o in problem.offers if o.pool in pools] if commit else []
    n_x, n_q = len(free), len(offers) * len(phases)
    n_cover = len(phases) * len(kinds) * len(groups)
    c_at, f_at = n_x + n_q, n_x + n_q + n_cover
    size = f_at + n_cover
    if not loads:
        return Outcome("", _money(fixed), {}, ())
    cost = np.zeros(size)
    integral = np.zeros(size)
    upper = np.full(size, np.inf)
    integral[:n_x], upper[:n_x] = 1, 1
    rows, cols, values, high = [], [], [], []

    def limit(entries: Iterable[tuple[int, float]], most: float) -> None:
        for col, value in entries:
            rows.append(len(high))
            cols.append(col)
            values.append(value)
        high.append(most)

    total = 0.0
    spans = [(b - a) * WEEKS for a, b in phases]
    by_group = {g: [x for x in loads if (x.pool, x.type) == g] for g in groups}
    at_hour = {
        (g, h): sum(base[x.id][kinds[h]] for x in xs) for g, xs in by_group.items() for h in range(len(kinds))
    }
    shares = {
        (p, g): _coverable(problem, bought, phases[p], *g)
        for p in range(len(phases))
        for g in [*groups, *((pool, "") for pool in pools)]
    }
    cut = {}
    for j, (x, o) in enumerate(free):
        cost[j] += o.effort
        for h, k in enumerate(kinds):
            cut[j, h] = base[x.id][k] * (1 - o.keep[k])
    for p in range(len(phases)):
        for h in range(len(kinds)):
            unit = spans[p] * weights[h]
            for gi, g in enumerate(groups):
                total += unit * at_hour[g, h]
                at = (p * len(kinds) + h) * len(groups) + gi
                cost[c_at + at] = cost[f_at + at] = -unit
                mine = [(j, cut[j, h]) for j, (x, _) in enumerate(free) if (x.pool, x.type) == g]
                for j, less_cost in mine:
                    cost[j] -= unit * less_cost
                # what is covered is there, and what is bound is safe
                limit([(c_at + at, 1.0), (f_at + at, 1.0), *mine], at_hour[g, h])
                s = shares[p, g]
                if s < 1:
                    limit([(c_at + at, 1.0), *((j, s * v) for j, v in mine)], s * at_hour[g, h])
                # bound commitments
                have = _have(problem, bought, phases[p], g[0], g[1])
                q = [(n_x + k, -1.0) for k in _bought_by(offers, phases, p, g[0], g[1])]
                limit([(c_at + at, 1.0), *q], have)
            for pool in pools:
                mine = [
                    f_at + (p * len(kinds) + h) * len(groups) + gi
                    for gi, g in enumerate(groups)
                    if g[0] == pool
                ]
                if mine:
                    q = [(n_x + k, -1.0) for k in _bought_by(offers, phases, p, pool, "")]
                    limit([*((m, 1.0) for m in mine), *q], _have(problem, bought, phases[p], pool, ""))
                s = shares[p, (pool, "")]
                if mine and s < 1:
                    every = [(m - n_cover, 1.0) for m in mine] + [(m, 1.0) for m in mine]
                    less_cost = [(j, s * cut[j, h]) for j, (x, _) in enumerate(free) if x.pool == pool]
                    limit([*every, *less_cost], s * sum(at_hour[g, h] for g in groups if g[0] == pool))
    for oi, o in enumerate(offers):
        for p in range(len(phases)):
            months = min(phases[-1][1], phases[p][0] + o.term) - phases[p][0]
            cost[n_x + oi * len(phases) + p] = o.rate * months * WEEKS * HOURS
    for x in loads:
        mine = [(j, 1.0) for j, (y, _) in enumerate(free) if y.id == x.id]
        if mine:
            limit(mine, 1.0)
    if problem.most is not None and offers:
        for p in range(len(phases)):
            limit(
                [(n_x + oi * len(phases) + k, o.rate) for oi, o in enumerate(offers) for k in range(p + 1)],
                problem.most,
            )
    matrix = coo_array((values, (rows, cols)), shape=(len(high), size)).tocsr()
    limits: Any = np.array(high)
    most: Any = upper
    done = milp(
        cost, constraints=LinearConstraint(matrix, -np.inf, limits), integrality=integral, bounds=Bounds(0, most),
        options={"mip_rel_gap": 1e-7, "time_limit": 60},
    )  # fmt: skip
    if done.x is None:
        raise UsageError(
            "no plan keeps to these caps",
            "caps that leave something to choose",
            "raise the cap on what may be bought",
        )
    chosen = (
        dict(given or {})
        if given is not None
        else {free[j][0].id: free[j][1] for j in range(n_x) if done.x[j] > 0.5}
    )
    chosen = {i: o for i, o in chosen.items() if i in base}
    buys = []
    for oi, o in enumerate(offers):
        for p in range(len(phases)):
            worth = float(done.x[n_x + oi * len(phases) + p])
            if worth > 1e-6:
                buys.append(Buy(o.instrument, o.pool, o.type, worth, worth * o.rate, phases[p][0], o.term))
    return Outcome("", _money(total + float(done.fun) + fixed + effort), chosen, tuple(buys))


def _hours(loads, base, free) -> tuple[list[int], list[float]]:
    """Hours of the week that look alike are one: a sample of each kind, and how many there are."""
    columns: dict[tuple, list[int]] = {}
    for k in range(HOURS):
        key = (*(round(float(base[x.id][k]), 9) for x in loads), *(o.keep[k] for _, o in free))
        columns.setdefault(key, []).append(k)
    return [ks[0] for ks in columns.values()], [float(len(ks)) for ks in columns.values()]


def _have(problem, bought, phase, pool, type) -> float:
    """Worth an hour that commitments of today and those given beforehand cover in a phase."""
    start, end = phase
    held = sum(h.worth for h in problem.held if h.pool == pool and h.type == type and h.months >= end - 1e-9)
    given = sum(b.worth for b in bought if b.pool == pool and b.type == type and b.month <= start + 1e-9 and b.month + b.term >= end - 1e-9)  # fmt: skip
    return held + given


def _bought_by(offers, phases, p, pool, type) -> list[int]:
    """Variables of purchases that hold in phase `p`."""
    return [
        oi * len(phases) + k
        for oi, o in enumerate(offers)
        if o.pool == pool and o.type == type
        for k in range(p + 1)
        if phases[k][0] + o.term >= phases[p][1] - 1e-9
    ]


def _fixed_cost(problem, pools, bought, phases) -> float:
    """What is paid whatever is used."""
    end = phases[-1][1]
    held = sum(h.price * min(h.months, end) for h in problem.held if h.pool in pools)
    given = sum(b.price * (min(end, b.month + b.term) - b.month) for b in bought if b.pool in pools)
    return (held + given) * WEEKS * HOURS


def _coverable(problem, bought, phase, pool, type) -> float:
    """Share of a type's (or with type empty a pool's) usage that may be covered: what is safe after the decline to absorb.

    Commitments of today stand whatever is safe; nothing is bought beyond what is.
    """
    inside = [x for x in problem.loads if x.pool == pool and type in ("", x.type)]
    mean = sum(x.hourly * sum(x.hours) / HOURS for x in inside)
    if mean <= 0:
        return 1.0
    room = mean if problem.room is None else min(problem.room.get((pool, type), mean), mean)
    have = _have(problem, (), phase, pool, type)
    if not type:
        have += sum(_have(problem, (), phase, pool, t) for t in {x.type for x in inside})
    return min(max(room * (1 - problem.decline), have) / mean, 1.0)


def both(a: Option, b: Option) -> Option:
    """Two ways to use less of one resource, one after the other."""
    keep = tuple(x * y for x, y in zip(a.keep, b.keep, strict=True))
    return Option(f"{a.kind} + {b.kind}", keep, a.effort + b.effort, f"{a.words}; {b.words}")


def of_week(week: Week, as_of: date) -> tuple[float, ...]:
    """Whether a weekly plan is on in each hour of a usual week [1], Monday 00:00 UTC first."""
    monday = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) - timedelta(days=as_of.weekday())
    usual = Week(week.zone, week.on, frozenset(), week.mode)
    quarters = [usual.is_on(monday + timedelta(minutes=15 * q)) for q in range(HOURS * 4)]
    return tuple(sum(quarters[h * 4 : h * 4 + 4]) / 4 for h in range(HOURS))


def net_now(problem: Problem, resource: str, option: Option) -> Decimal:
    """What one option alone saves in the first month, with the commitments of today [currency a month].

    Zero where a commitment covers the resource and nothing else of its pool takes over what it leaves.
    """
    pool = next(x.pool for x in problem.loads if x.id == resource)
    first = _of_pool(Problem(problem.loads, problem.held, (), 1), pool)
    first = replace(first, held=tuple(replace(h, months=1.0) for h in first.held if h.months > 0))
    without = _solve(first, less=False, commit=False, chosen={})
    with_it = _solve(first, less=False, commit=False, chosen={resource: Option(option.kind, option.keep)})
    return without.cost - with_it.cost


def until(problem: Problem, resource: str) -> float:
    """Months until the last commitment that can cover the resource ends; 0 where none does [months]."""
    load = next(x for x in problem.loads if x.id == resource)
    return max((h.months for h in problem.held if h.pool == load.pool and h.type in ("", load.type) and h.worth > 0), default=0.0)  # fmt: skip


def table(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """order, cost, saved against doing nothing, loses against both together [currency]; measures and purchases [1]."""
    import pandas as pd

    outcomes = list(outcomes)
    none = next(o.cost for o in outcomes if o.order == "nothing")
    names = dict(ORDERS)
    rows = [
        {
            "order": names[o.order], "cost": o.cost, "saved": none - o.cost, "loses": o.loses, "measures": len(o.chosen),
            "purchases": len(o.bought),
        }
        for o in outcomes
    ]  # fmt: skip
    return pd.DataFrame(
        rows, columns=["order", "cost", "saved", "loses", "measures", "purchases"], dtype=object
    )


def _money(value: float) -> Decimal:
    return Decimal(repr(round(float(value), 2))).quantize(CENT)
