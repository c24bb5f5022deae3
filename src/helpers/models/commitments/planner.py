"""What to buy at a month's start, from what was known before it.

A small program over futures of the coming term: the last four weeks' hours as they were; the same hours with one type
replaced, its demand staying in the pool; and the hours as planned migrations will change them. Each future is weighed by its
probability (`helpers.models.commitments.lifetimes`), and the purchases with the lowest expected cost are found. Growth is
not bought ahead: next month can buy it, and a commitment that waits for it is paid idle. What stands is taken to be renewed:
a commitment is not replaced before it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from helpers.models.commitments.cover import Answer, Limit, Offers, Rows, cheapest
from helpers.models.commitments.history import DAYS_A_MONTH

Array = Any
WINDOW_DAYS = 28  # whole weeks, so that each weekday counts alike
SMALLEST = 0.002  # share of the pool's demand below which a type is left to the flexible instrument
TRUSTED = 0.7  # a type expected to serve less of the term than this is not bet on
NEAR = 2e-4  # gap to the best that is good enough, as a share of the demand
FINE = 1e-5  # the same where only the pool is bought for: costs next to nothing
LEAST_CALM = 0.2  # probability kept for the future in which nothing is replaced
PLANNED, SEEN, DOUBTED = 0.85, 0.95, 0.2  # trust in a plan: before it should be seen; seen; not seen
DAYS_SEEN, TOLD = 3, 0.2  # it should be seen once it tells that this share of demand moved in the last days
SURCHARGE = 0.06  # a later purchase does not fit as well as its rate says


@dataclass(frozen=True)
class Option:
    """One instrument on offer.

    Attributes
    ----------
    scope : str
        ``type``, or ``pool`` for one that covers what those leave over.
    rate : float
        Price of a unit-hour as a share of on demand.
    term : int
        Months.
    name : str
    """

    scope: str
    rate: float
    term: int = 12
    name: str = ""


@dataclass(frozen=True)
class Move:
    """A planned migration: `share` of one type's demand becomes another's between two days."""

    start: date
    end: date
    source: str
    target: str
    share: float = 1.0

    def done(self, days: Array) -> Array:
        """Share of the source's demand that has moved by each day [days since 1970]."""
        first, last = (np.datetime64(d, "D").astype(int) for d in (self.start, self.end))
        return self.share * np.clip((days - first + 1) / (last - first + 1), 0, 1)

    def stays(self, share: float, days: Array) -> Array:
        """What remains of these days' demand for the source once `share` has moved; all of it where the move was over."""
        before = self.done(days)
        over = before >= self.share - 1e-9
        return np.where(over, 1.0, np.clip((1 - share) / np.maximum(1 - before, 1e-9), 0, 1))


@dataclass(frozen=True)
class Situation:
    """What is known of one pool at the moment of a decision.

    Attributes
    ----------
    types : tuple of str
    window : array, hours by types [units]
        The last weeks' known hours.
    days : array of int
        Day of each hour of the window [days since 1970].
    today : int
        The day of the decision [days since 1970].
    by_type, pooled : array, float
        Units that stand at this moment.
    alive : array, types by months ahead
        Probability that a type is still used.
    moves : tuple of Move
        Plans known by now.
    """

    types: tuple[str, ...]
    window: Array
    days: Array
    today: int
    by_type: Array
    pooled: float
    alive: Array
    moves: tuple[Move, ...] = ()


@dataclass(frozen=True)
class Decision:
    """Units to buy: of each option and type (the last column is the pool), and the program's answer."""

    units: Array
    answer: Answer


def decide(now: Situation, options: Sequence[Option], *, limits: Any = None) -> Decision:
    """The purchases of one month.

    Parameters
    ----------
    now : Situation
    options : sequence of Option
    limits : callable, optional
        Takes the columns as (option, type or None) pairs and returns a tuple of `Limit`.
    """
    units = np.zeros((len(options), len(now.types) + 1))
    size = now.window.mean(0) if len(now.window) else np.zeros(len(now.types))
    nothing = Decision(units, Answer(np.zeros(0), 0.0, 0.0))
    if not options or not size.sum():
        return nothing
    futures = _futures(now, options)
    lives = _lives(now)
    bet = _bet(now, options, lives)
    slots, rows = _rows(now, bet, futures, options, lives)
    columns = [
        (at, i) for at, o in enumerate(options) for i in (range(len(bet)) if o.scope == "type" else (None,))
    ]
    if not columns:
        return nothing
    standing = np.append(now.by_type[bet], 0.0)
    held = np.tile(standing, (len(slots), 1)), np.full(len(slots), now.pooled)
    offers = _offers(columns, options, slots)
    named = [(options[at], None if i is None else now.types[bet[i]]) for at, i in columns]
    wanted = [_widened(one, len(slots)) for one in (limits(named) if limits else ())]
    wanted += [
        _capped(len(columns), len(slots), at, s.most) for at, s in enumerate(slots) if np.isfinite(s.most)
    ]
    near = NEAR if len(bet) else FINE
    answer = cheapest(rows, offers, held, limits=tuple(wanted), tolerance=near, rounds=6)
    for (at, i), many in zip(columns, answer.bought, strict=False):  # later purchases stand behind
        units[at, -1 if i is None else bet[i]] += many
    units[units < 1e-6] = 0.0
    return Decision(units, answer)


@dataclass(frozen=True)
class _Future:
    """Some months ahead that are alike: which options last, and how far plans have moved each hour's demand."""

    begins: int
    months: Array
    chance: float
    moved: Array  # hours by types: share of the demand that has gone
    arrived: Array  # hours by types: units that have come
    settled: float  # units that had moved a month before, so that a purchase could follow them


@dataclass(frozen=True)
class _Slot:
    """One future with what happens in it: its weight in months, and the later purchase that it allows."""

    begins: int
    weight: float
    rate: float
    most: float


def _futures(now: Situation, options: Sequence[Option]) -> list[_Future]:
    """Months ahead by terms and by the state of plans, once with the plans coming true and once without."""
    ends = sorted({o.term for o in options})
    trust = min((trusted(now, m) for m in now.moves), default=0.0)
    found = []
    for begins, until in zip([0, *ends[:-1]], ends, strict=True):
        months = np.arange(begins, until)
        if trust < 1:
            found.append(_Future(begins, months, 1 - trust, *_moved(now, ()), 0.0))
        if now.moves:
            # eighths of a move are told apart, and whether a month's start could see them
            states = np.concatenate([_states(now, months), _states(now, months - 1)], 1)
            kinds, which = np.unique(states, axis=0, return_inverse=True)
            for number, state in enumerate(kinds):
                then, seen = np.split(state, 2)
                settled = float((now.window * _moved(now, seen)[0]).sum(1).mean())
                own = months[which.ravel() == number]
                found.append(_Future(begins, own, trust, *_moved(now, then), settled))
    return found


def _states(now: Situation, months: Array) -> Array:
    middle = now.today + (months + 0.5) * DAYS_A_MONTH
    return np.stack([np.round(m.done(middle) * 8) / 8 for m in now.moves], 1)


def trusted(now: Situation, plan: Move) -> float:
    """Probability that a plan comes true as told: less once it should be seen in the last days and is not."""
    if plan.source not in now.types or not len(now.days):
        return PLANNED
    last = now.days > now.days.max() - DAYS_SEEN
    told = float(plan.done(now.days[last]).mean())
    if told < TOLD:
        return PLANNED
    use = now.window[last].mean(0)
    stays = use[now.types.index(plan.source)]
    came = use[now.types.index(plan.target)] if plan.target in now.types else 0.0
    return SEEN if came >= told / 2 * (stays + came) else DOUBTED


def _moved(now: Situation, state: Any) -> tuple[Array, Array]:
    """Share of each hour's demand that has gone, and units that have come, when plans have moved as far as `state` says."""
    stays, arrived = np.ones(now.window.shape), np.zeros(now.window.shape)
    for share, plan in zip(state, now.moves, strict=False):
        if plan.source in now.types:
            source = now.types.index(plan.source)
            left = plan.stays(share, now.days)
            if plan.target in now.types:
                arrived[:, now.types.index(plan.target)] += (
                    now.window[:, source] * stays[:, source] * (1 - left)
                )
            stays[:, source] *= left
    return 1 - stays, arrived


def _lives(now: Situation) -> Array:
    """Types by months ahead: the probability of being used, less for a type that a plan wants to leave, however much of it."""
    lives = now.alive.copy()
    for plan in now.moves:
        if plan.source in now.types:
            lives[now.types.index(plan.source)] *= 1 - plan.share
    return lives


def _bet(now: Situation, options: Sequence[Option], lives: Array) -> Array:
    """Types that matter and are expected to live. One that is only planned does not count: plans slip."""
    if not any(o.scope == "type" for o in options):
        return np.zeros(0, dtype=int)
    size = now.window.mean(0)
    lives = lives[:, : min(o.term for o in options)].mean(1)
    return np.flatnonzero((size > SMALLEST * size.sum()) & (lives >= TRUSTED))


def _rows(
    now: Situation, bet: Array, futures: list[_Future], options: Sequence[Option], lives: Array
) -> tuple[list[_Slot], Rows]:
    """The hours of every future, with all types alive and with each one replaced."""
    rates = {s: min([o.rate for o in options if o.scope == s], default=1.0) for s in ("type", "pool")}
    cheap = min(min(rates.values()) + SURCHARGE, 1.0)
    slots: list[_Slot] = []
    parts: list[Rows] = []

    def add(begins: int, use: Array, moved: Array, weight: float, rate: float, most: float) -> None:
        at = np.full(len(use), len(slots))
        parts.append(Rows(use, at, np.full(len(use), weight / len(use)), moved))
        slots.append(_Slot(begins, weight, rate, most))

    for one in futures:
        use, gone = _at(now, bet, one)
        risk = 1 - lives[bet][:, one.months].mean(1)
        chance = np.append(max(1 - risk.sum(), LEAST_CALM), risk)
        chance *= one.chance * len(one.months) / chance.sum()
        # behind the shortest term whatever is short can be bought by then, at the cheapest rate
        later = np.inf if one.begins else one.settled
        add(one.begins, use, gone, chance[0], cheap, later)
        for j in np.flatnonzero(risk > 0):
            left = use.copy()
            left[:, j] = 0
            again = np.inf if one.begins else later + float(use[:, j].mean())
            add(
                one.begins,
                left,
                gone + use[:, j],
                chance[j + 1],
                rates["pool"] if rates["pool"] < 1 else cheap,
                again,
            )
    return slots, Rows.joined(parts)


def _at(now: Situation, bet: Array, one: _Future) -> tuple[Array, Array]:
    """The window's hours in a future: types that are bet on and all others as one; and what has gone to types not known."""
    whole = now.window * (1 - one.moved) + one.arrived
    others = np.setdiff1d(np.arange(len(now.types)), bet)
    rest = np.clip(whole[:, others] - now.by_type[others], 0, None).sum(1)
    gone = np.clip((now.window * one.moved).sum(1) - one.arrived.sum(1), 0, None)
    return np.column_stack([whole[:, bet], rest]), gone


def _offers(columns: list[tuple[int, int | None]], options: Sequence[Option], slots: list[_Slot]) -> Offers:
    """What can be bought now, then one later purchase for each slot that serves nothing else."""
    now = np.array([[options[at].term > s.begins for s in slots] for at, _ in columns])
    return Offers(
        np.array([-1 if i is None else i for _, i in columns] + [-1] * len(slots)),
        np.array(
            [options[at].rate * options[at].term for at, _ in columns] + [s.rate * s.weight for s in slots]
        ),
        np.vstack([now, np.eye(len(slots), dtype=bool)]),
    )


def _widened(limit: Limit, more: int) -> Limit:
    return Limit(np.append(limit.by, np.zeros(more)), limit.least, limit.most)


def _capped(columns: int, slots: int, at: int, most: float) -> Limit:
    """A slot's later purchase serves no more than what has moved."""
    by = np.zeros(columns + slots)
    by[columns + at] = 1.0
    return Limit(by, most=most)
