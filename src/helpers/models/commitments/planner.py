"""What to buy at a month's start, from what was known before it.

A small program over futures of the coming term: the last four weeks' hours as they were; the same hours with one type
replaced, its demand staying in the pool; and the hours as planned migrations will change them. Each future is weighed by its
probability (`helpers.models.commitments.lifetimes`), and the purchases with the lowest expected cost are found. Growth is
not bought ahead: next month can buy it, and a commitment that waits for it is paid idle. What stands is taken to be renewed:
a commitment is not replaced before it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from helpers.models.commitments.cover import Answer, Limit, Offers, Rows, cheapest

Array = Any
WINDOW_DAYS = 28  # whole weeks, so that each weekday counts alike
SMALLEST = 0.002  # share of the pool's demand below which a type is left to the flexible instrument
TRUSTED = 0.7  # a type expected to serve less of the term than this is not bet on
LEAST_CALM = 0.2  # probability kept for the future in which nothing is replaced
SURCHARGE = 0.02  # a later purchase does not fit as well as its rate says


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
    """Units to buy: of each option and type (the last column is the pool), and the futures they were weighed by."""

    units: Array
    answer: Answer
    bet: tuple[str, ...] = field(default=())


def decide(
    now: Situation, options: Sequence[Option], *, limits: Any = None, tolerance: float = 2e-4
) -> Decision:
    """The purchases of one month.

    Parameters
    ----------
    now : Situation
    options : sequence of Option
    limits : callable, optional
        Takes the columns as (option, type or None) pairs and returns a tuple of `Limit`.
    tolerance : float
        Gap to the best, as a share of the demand.
    """
    units = np.zeros((len(options), len(now.types) + 1))
    size = now.window.mean(0) if len(now.window) else np.zeros(len(now.types))
    nothing = Decision(units, Answer(np.zeros(0), 0.0, 0.0))
    if not options or not size.sum():
        return nothing
    blocks = _blocks(options)
    alive = np.stack([now.alive[:, a:b].mean(1) for a, b in blocks], 1)
    on_offer = any(o.scope == "type" for o in options)
    bet = np.flatnonzero((size > SMALLEST * size.sum()) & (alive[:, 0] >= TRUSTED)) if on_offer else []
    bet = np.asarray(bet, dtype=int)
    rows = _futures(now, options, blocks, bet, alive)
    columns = [(at, i) for at, o in enumerate(options) for i in (range(len(bet)) if o.scope == "type" else (None,))]
    if not columns:
        return nothing
    offers = Offers(
        np.array([-1 if i is None else i for _, i in columns]),
        np.array([options[at].rate * options[at].term for at, _ in columns]),
        np.array([[options[at].term > a for a, _ in blocks] for at, _ in columns]),
    )
    standing = np.append(now.by_type[bet], 0.0)
    held = np.tile(standing, (len(blocks), 1)), np.full(len(blocks), now.pooled)
    named = [(options[at], None if i is None else now.types[bet[i]]) for at, i in columns]
    wanted: tuple[Limit, ...] = tuple(limits(named)) if limits else ()
    answer = cheapest(rows, offers, held, limits=wanted, tolerance=tolerance, rounds=6)
    for (at, i), many in zip(columns, answer.bought, strict=True):
        units[at, -1 if i is None else bet[i]] += many
    units[units < 1e-6] = 0.0
    return Decision(units, answer, tuple(now.types[i] for i in bet))


def _blocks(options: Sequence[Option]) -> list[tuple[int, int]]:
    """Spans of months ahead in which the same options last."""
    ends = sorted({o.term for o in options})
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _futures(
    now: Situation, options: Sequence[Option], blocks: list[tuple[int, int]], bet: Array, alive: Array
) -> Rows:
    rates = {s: min([o.rate for o in options if o.scope == s], default=1.0) for s in ("type", "pool")}
    later = min(min(rates.values()) + SURCHARGE, 1.0)
    parts: list[Rows] = []
    for slot, (begins, ends) in enumerate(blocks):
        for moved, months in _planned(now, begins, ends):
            use, gone = _at(now, bet, moved)
            settled = set(np.flatnonzero(moved.max(0) > 0.5)) if len(moved) else set()
            risk = np.array([0.0 if i in settled else 1 - alive[i, slot] for i in bet])
            chance = np.append(max(1 - risk.sum(), LEAST_CALM), risk)
            chance *= months / chance.sum() / len(use)
            # behind the first block whatever is short can be bought by then, at the cheapest rate
            whole = use.sum(1) + gone if slot else gone
            parts.append(_rows(use, slot, chance[0], gone, whole, later))
            for j in np.flatnonzero(risk > 0):
                left = use.copy()
                left[:, j] = 0
                away = gone + use[:, j]
                again = min(rates["pool"], 1.0) if rates["pool"] < 1 else later
                parts.append(_rows(left, slot, chance[j + 1], away, whole if slot else away, again))
    return Rows.joined(parts)


def _rows(use: Array, slot: int, weight: float, moved: Array, soft: Array, recourse: float) -> Rows:
    many = len(use)
    return Rows(use, np.full(many, slot), np.full(many, weight), moved, soft, np.full(many, recourse))


def _planned(now: Situation, begins: int, ends: int) -> list[tuple[Array, float]]:
    """How far plans have moved each hour's demand by type (hours by types), and in how many months ahead."""
    if not now.moves:
        return [(np.zeros((0, len(now.types))), float(ends - begins))]
    middle = now.today + (np.arange(begins, ends) + 0.5) * 30.44
    states = np.stack([np.round(m.done(middle) * 8) / 8 for m in now.moves], 1)
    kinds, months = np.unique(states, axis=0, return_counts=True)
    found = []
    for state, count in zip(kinds, months, strict=True):
        moved = np.zeros(now.window.shape)
        for share, plan in zip(state, now.moves, strict=True):
            if plan.source not in now.types or plan.end < _day(now.today):
                continue
            before = plan.done(now.days)
            stays = np.clip((1 - share) / np.maximum(1 - before, 1e-9), 0, 1)
            source = now.types.index(plan.source)
            moved[:, source] = 1 - (1 - moved[:, source]) * stays
        found.append((moved, float(count)))
    return found


def _day(number: int) -> date:
    return np.datetime64(int(number), "D").item()


def _at(now: Situation, bet: Array, moved: Array) -> tuple[Array, Array]:
    """The window's hours in that future: types that are bet on and all others as one; and what has moved."""
    whole = now.window * (1 - moved) if len(moved) else now.window
    gone = (now.window * moved).sum(1) if len(moved) else np.zeros(len(now.window))
    others = np.setdiff1d(np.arange(len(now.types)), bet)
    rest = np.clip(whole[:, others] - now.by_type[others], 0, None).sum(1)
    return np.column_stack([whole[:, bet], rest]), gone
