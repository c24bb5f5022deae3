"""The answer of ``finops plan commitments``: for each region what was bought, what it saved, and what could have been."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from helpers.models.commitments import lock_in, rules
from helpers.models.commitments.cost import PORTFOLIO, TYPE, Bill, Purchase, Terms, bill, left_over
from helpers.models.commitments.history import HOURS_A_DAY, HOURS_A_MONTH, History
from helpers.models.commitments.lifetimes import Lifetimes
from helpers.models.commitments.optimum import optimum
from helpers.models.commitments.planner import Move, decide
from helpers.models.commitments.walk_forward import (
    Plans,
    alive,
    alone,
    chances,
    options,
    purchases,
    situation,
)

HISTORY_MONTHS = 12
DIGITS = 9  # significant ones of a number in the answer
QUARTER = 3  # months
DEMANDS = {"same": 1.0, "a third less": 2 / 3, "none": 0.0}


def histories(demands: Iterable[Any]) -> list[History]:
    """From what a file holds: name, start, types, use, known."""
    return [History(d.name, d.start, d.types, d.use, d.known) for d in demands]


def plans(planned: Iterable[Any]) -> Plans:
    """From what a file of planned migrations holds."""
    found: dict[str, list] = {}
    for p in planned:
        move = Move(p.start, p.end, p.from_type, p.to_type, p.share)
        found.setdefault(p.region, []).append((p.known_on, move))
    return found


def answers(
    regions: Sequence[History], terms: Terms, planned: Plans | None = None, *, workers: int = 1
) -> list[dict[str, Any]]:
    """Walk-forward, one record for each region.

    Parameters
    ----------
    regions : sequence of History
    terms : Terms
    planned : mapping, optional
        See `plans`.
    workers : int
        Processes.
    """
    lives = chances(regions, terms, HISTORY_MONTHS)
    jobs = [(r, terms, lives[r.name], tuple((planned or {}).get(r.name, ()))) for r in regions]
    if workers < 2 or len(jobs) < 2:
        return [_answer(*job) for job in jobs]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # started afresh: a fork would copy threads of the engines that stand in this process
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=get_context("spawn")) as pool:
        return list(pool.map(_answer, *zip(*jobs, strict=True)))


def _answer(region: History, terms: Terms, lives: Any, planned: Sequence[tuple[Any, Move]]) -> dict[str, Any]:
    if region.months <= HISTORY_MONTHS:
        said = f"{max(region.months, 0)} months of demand, {HISTORY_MONTHS + 1} are needed: the first {HISTORY_MONTHS} are history only"
        return _record(region, None, None, {}, [], [said])
    bought = alone(region, terms, HISTORY_MONTHS, lives, planned)
    paid = bill(region, bought, terms, HISTORY_MONTHS)
    best = optimum(region, terms, HISTORY_MONTHS)[1] if paid.on_demand.sum() else math.nan
    return _record(region, paid, best, _baselines(region, terms), bought, _said(region, terms), terms)


def _baselines(region: History, terms: Terms) -> dict[str, float]:
    """Savings rate of the newsvendor on each instrument that is on offer, alone."""
    alone_terms = {TYPE: replace(terms, portfolio_rate=None), PORTFOLIO: replace(terms, type_rate=None)}
    return {
        kind: bill(region, rules.newsvendor(region, one, HISTORY_MONTHS), one, HISTORY_MONTHS).savings
        for kind, one in alone_terms.items()
        if one.type_rate is not None or one.portfolio_rate is not None
    }


def regrets(regions: Sequence[History], terms: Mapping[str, Terms], *, least: float) -> list[dict[str, Any]]:
    """Walk-forward on each region's own past: what the estimator would have saved, the known future, and simple rules.

    The first twelve months are history only; a region with fewer than thirteen, with nothing on offer, or with less than the
    share `least` of the last day's demand of all, is left out.

    Returns
    -------
    list of dict
        pool (its name), months (evaluated), saved, optimum, regret, and of the rules ``type`` and ``portfolio`` what was on offer
        [savings rate]; weight [money].
    """
    today = {r.name: float(r.use[-HOURS_A_DAY:].sum()) for r in regions}
    whole = sum(today.values()) or 1.0
    lives = chances(regions, Terms(), HISTORY_MONTHS)
    found = []
    for r in regions:
        own = terms[r.name]
        if (
            today[r.name] < whole * least
            or r.months <= HISTORY_MONTHS
            or not (own.type_rate or own.portfolio_rate)
        ):
            continue
        saved = bill(r, alone(r, own, HISTORY_MONTHS, lives[r.name]), own, HISTORY_MONTHS).savings
        best = optimum(r, own, HISTORY_MONTHS)[1]
        found.append(
            {
                "pool": r.name, "months": r.months - HISTORY_MONTHS, "saved": saved, "optimum": best, "regret": best - saved,
                "weight": float(r.use.sum()), **_baselines(r, own),
            }
        )  # fmt: skip
    return found


def _said(region: History, terms: Terms) -> list[str]:
    evaluated = region.months - HISTORY_MONTHS
    if evaluated >= terms.term:
        return []
    return [f"evaluated over {evaluated} months, less than a term of {terms.term}: what outlives the data is not in the rate, see 'outlives'"]  # fmt: skip


def _record(
    region: History,
    paid: Bill | None,
    best: float | None,
    baselines: dict[str, float],
    bought: Sequence[Purchase],
    notes: list[str],
    terms: Terms | None = None,
) -> dict[str, Any]:
    saved = paid.savings if paid else math.nan
    best = math.nan if best is None else best
    record: dict[str, Any] = {
        "region": int(region.name) if region.name.lstrip("-").isdigit() else region.name,
        "savings_rate": _number(saved),
        "optimum": _number(best),
        "regret": _number(best - saved),
        "baselines": {k: _number(v) for k, v in baselines.items()},
        "lock_in_months": None,
        "purchases": [_bought(region, p) for p in bought],
    }
    if paid and terms:
        exposed = lock_in.exposure(region, bought, terms, HISTORY_MONTHS)
        record |= {
            "lock_in_months": _number(exposed.committed),
            "lock_in_months_of_use": _number(exposed.usage),
            "unused_if_a_third_falls": {"mean": _number(exposed.lost), "worst": _number(exposed.worst)},
            "coverage": _number(paid.coverage),
            "utilisation": _number(paid.utilisation),
            "worst_quarter": _number(worst_quarter(paid)),
            "evaluated": [str(region.first.plus(HISTORY_MONTHS)), str(region.first.plus(region.months - 1))],
            "outlives": {k: _number(v) for k, v in outlived(region, bought, terms, paid).items()},
        }
    return record | {"notes": notes}


def _bought(region: History, one: Purchase) -> dict[str, Any]:
    return {
        "month": region.first.plus(one.month).start.date().isoformat(),
        "instrument": PORTFOLIO if one.type is None else TYPE,
        "type": None if one.type is None else region.types[one.type],
        "quantity": float(f"{one.quantity:.{DIGITS}g}"),
    }


def _number(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


def worst_quarter(paid: Bill) -> float:
    """The lowest savings rate of three months in a row, the quarters one after the other from the first month."""
    quarter = (paid.month - paid.month.min()) // QUARTER if len(paid.month) else paid.month
    rates = [
        1 - paid.paid[quarter == q].sum() / demand
        for q in np.unique(quarter)
        if (demand := paid.on_demand[quarter == q].sum())
    ]
    return min(rates, default=math.nan)


def outlived(region: History, bought: Sequence[Purchase], terms: Terms, paid: Bill) -> dict[str, float]:
    """Savings rate with what outlives the data charged too, its last four weeks going on at three demands."""
    window = region.use[region.known][-lock_in.DAYS * HOURS_A_DAY :]
    found = {}
    for name, scale in DEMANDS.items():
        cost = demand = 0.0
        use = window * scale
        for ahead in range(terms.term - 1):
            stands = lock_in.standing(bought, region.months + ahead, terms)
            if not stands:
                break
            left = left_over(use, *lock_in.units(stands, len(region.types)))
            cost += (sum(s.cost for s in stands) + left.mean()) * HOURS_A_MONTH
            demand += use.sum(1).mean() * HOURS_A_MONTH
        whole = paid.on_demand.sum() + demand
        found[name] = 1 - (paid.paid.sum() + cost) / whole if whole else math.nan
    return found


def upcoming(regions: Sequence[History], terms: Terms, planned: Plans | None = None) -> list[dict[str, Any]]:
    """What to buy at the start of the month after the data, nothing standing before: one record for each region."""
    whole = [r for r in regions if len(r.use)]
    lifetimes, found = Lifetimes(whole), []
    for region in whole:
        now = region.months
        day = region.first.plus(now).start.date()
        known = [m for since, m in (planned or {}).get(region.name, ()) if since <= day]
        lives = alive(region, lifetimes, terms.term)
        bought = purchases(now, decide(situation(region, now, (), terms, lives, known), options(terms)))
        record = _record(region, None, None, {}, bought, [])
        found.append({k: record[k] for k in ("region", "purchases", "notes")})
    return found
