"""Fixed and variable cost, splits and bets: measured against naive and published methods, honest also where we lose.

``python benchmarks/unit_cost.py STORE [SHARED]`` prints and writes ``benchmarks/results/unit_cost.json``. STORE holds the full sample
company; SHARED is ``../shared/data`` (demand of others, as the driver of a made cost).

1. Coverage: 95 % intervals of the cost of one more unit on made weeks with known truth (seasonal volume, errors that look like the
   week's before, with and without a drift), Prais–Winsten (ours) against Newey–West, ordinary errors and a block
   bootstrap.
2. Out of sample: fit on the weeks up to an origin, take the volume of the next 4 weeks as known, predict the cost; against the average
   cost per unit (naive: all of it varies), last week's cost, and the textbook's high-low method. Nothing after the origin is seen.
3. Splits: random cases that add up exactly, and how fast.
4. Bets: HiGHS against the list by return and against exhaustive search.
"""

from __future__ import annotations

import json
import math
import random
import statistics
import sys
import time
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np

from helpers.measures import unit_change
from helpers.models import bets, unit_cost

RESULTS = Path(__file__).parent / "results" / "unit_cost.json"
AHEAD, FIRST, STEP = 4, 26, 4  # weeks


def made(rng, weeks=56, rho=0.6, drift=0.0, volume=None, per=0.5, fixed=300.0, noise=25.0):
    if volume is None:
        volume = [1000 + 150 * math.sin(i / 52 * 6.28) + 4 * i + rng.normal(0, 50) for i in range(weeks)]
    error, points = 0.0, []
    for i, v in enumerate(volume):
        error = rho * error + rng.normal(0, noise * math.sqrt(1 - rho**2))
        points.append((float(v), fixed + per * float(v) + drift * i + error))
    return points


def bootstrap(points, rng, draws=200, block=6):
    """Moving blocks of residuals (Künsch 1989) around the same regression."""
    y = np.array([c for _, c in points])
    x = np.column_stack([np.ones(len(y)), [v for v, _ in points], np.arange(len(y))])
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    rest = y - x @ beta
    starts = len(y) - block + 1
    found = []
    for _ in range(draws):
        parts = [rest[s : s + block] for s in rng.integers(0, starts, -(-len(y) // block))]
        found.append(np.linalg.lstsq(x, x @ beta + np.concatenate(parts)[: len(y)], rcond=None)[0][1])
    return np.quantile(found, [0.025, 0.975])


def coverage(runs=200) -> dict:
    import statsmodels.api as sm

    out = {}
    for name, drift, rho in (("steady", 0.0, 0.6), ("drift", 3.0, 0.6), ("independent errors", 0.0, 0.0)):
        rng = np.random.default_rng(11)
        hit = {
            "prais_winsten": [],
            "newey_west": [],
            "ordinary": [],
            "block_bootstrap": [],
            "without_drift_term": [],
        }
        bias = {"regression": [], "average": [], "high_low": []}
        for _ in range(runs):
            points = made(rng, drift=drift, rho=rho)
            fit, bare = unit_cost.fit(points), unit_cost.fit(points, drift=False)
            hit["prais_winsten"].append(float(fit.per_unit_low) <= 0.5 <= float(fit.per_unit_high))
            hit["without_drift_term"].append(float(bare.per_unit_low) <= 0.5 <= float(bare.per_unit_high))
            x = np.column_stack([np.ones(len(points)), [v for v, _ in points], np.arange(len(points))])
            low, high = sm.OLS([c for _, c in points], x).fit().conf_int()[1]
            hit["ordinary"].append(low <= 0.5 <= high)
            robust = sm.OLS([c for _, c in points], x).fit(
                cov_type="HAC", cov_kwds={"maxlags": 3, "use_correction": True}, use_t=True
            )
            low, high = robust.conf_int()[1]
            hit["newey_west"].append(low <= 0.5 <= high)
            low, high = bootstrap(points, rng)
            hit["block_bootstrap"].append(low <= 0.5 <= high)
            bias["regression"].append(float(fit.per_unit) - 0.5)
            bias["average"].append(float(fit.average) - 0.5)
            bias["high_low"].append(unit_cost.high_low(points)[0] - 0.5)
        out[name] = {
            "coverage_of_95": {k: round(float(np.mean(v)), 3) for k, v in hit.items()},
            "mean_absolute_error_of_one_more_unit": {
                k: round(float(np.mean(np.abs(v))), 4) for k, v in bias.items()
            },
        }
    return out


def walk(points) -> dict[str, list[float]]:
    """Absolute percentage errors of the cost of the next weeks, from several origins."""
    errors: dict[str, list[float]] = {"regression": [], "average": [], "last_week": [], "high_low": []}
    for origin in range(FIRST, len(points) - AHEAD + 1, STEP):
        seen, future = points[:origin], points[origin : origin + AHEAD]
        fit = unit_cost.fit(seen)
        slope, fixed = unit_cost.high_low(seen)
        for n, (volume, cost) in enumerate(future, 1):
            said = {
                "regression": fit.forecast(volume, n) if fit.known else seen[-1][1],
                "average": float(fit.average or 0) * volume,
                "last_week": seen[-1][1],
                "high_low": fixed + slope * volume,
            }
            for name, value in said.items():
                errors[name].append(abs(value - cost) / cost)
    return errors


def company(store: str) -> dict:
    from helpers.catalog.product_economics import Economics
    from helpers.measures import products
    from helpers.runs import begin
    from helpers.terms.money import CONTEXT

    books = Economics(begin("product_unit_economics", data=store, month="2026-09"))
    months = [books.run.month.plus(-n) for n in range(23, -1, -1)]
    days = products.daily(books.run.charges, books.products, months)
    out, every = {}, {}
    for r in books.now.to_dict("records"):
        volume = {
            d: CONTEXT.divide(v, r["per"]) for d, v in books.drivers.daily(r["product"], r["driver"]).items()
        }
        points = [
            p
            for p in unit_cost.weekly(days.get((r["product"], r["currency"]), {}), volume, date(2026, 9, 30))
            if not math.isnan(p[0])
        ]
        if len(points) < FIRST + AHEAD:
            continue
        errors = walk(points)
        out[r["product"]] = {k: round(100 * statistics.fmean(v), 2) for k, v in errors.items()}
        for k, v in errors.items():
            every.setdefault(k, []).append(statistics.fmean(v))
    return {
        "mape_percent_by_product": out,
        "mape_percent_mean": {k: round(100 * statistics.fmean(v), 2) for k, v in every.items()},
    }


def demand(shared: Path) -> dict:
    """Real daily demand of machines as the driver; the cost is made: 40 % fixed at the mean, the rest by volume, errors of 3 %."""
    import pandas as pd

    file = next(iter(sorted((shared / "commitments").glob("*hourly*.parquet"))), None)
    if file is None:
        return {"skipped": "no hourly demand in commitments"}
    long = pd.read_parquet(file)
    hourly = long.pivot_table(
        index="USAGE_HOUR", columns=["REGION_NUM", "INSTANCE_TYPE"], values="NORM_USAGE", aggfunc="sum"
    )
    hourly = hourly.fillna(0)
    rng, every, hits = np.random.default_rng(3), {}, []
    used = 0
    for column in hourly.columns:
        hours = hourly[column].to_numpy(dtype=float)
        days = hours[: len(hours) // 24 * 24].reshape(-1, 24).sum(axis=1)
        weeks = days[-(len(days) // 7 * 7) :].reshape(-1, 7).mean(axis=1)[-104:]
        weeks = weeks[np.flatnonzero(weeks == 0).max(initial=-1) + 1 :]  # since it was last off
        if len(weeks) < 40 or weeks.std() / weeks.mean() < 0.05:
            continue
        points = made(rng, volume=weeks, per=0.6, fixed=0.4 * weeks.mean(), noise=0.03 * weeks.mean())
        fit = unit_cost.fit(points)
        hits.append(fit.known and float(fit.per_unit_low) <= 0.6 <= float(fit.per_unit_high))
        for k, v in walk(points).items():
            every.setdefault(k, []).append(statistics.fmean(v))
        used += 1
    return {"file": file.name, "series": used, "coverage_of_95": round(float(np.mean(hits)), 3) if hits else None,
            "mape_percent_mean": {k: round(100 * statistics.fmean(v), 2) for k, v in every.items()}}  # fmt: skip


def splits(cases=100_000) -> dict:
    rng = random.Random(1)

    def side():
        lines = {}
        for g in "ab":
            for line in "xyz":
                if rng.random() < 0.7:
                    quantity = None if rng.random() < 0.1 else Decimal(rng.randint(0, 500))
                    lines[g, line] = (quantity, Decimal(rng.randint(-2000, 90_000)) / 100)
        return unit_change.Side(
            lines, {g: Decimal(rng.choice([0, rng.randint(1, 900), rng.randint(1, 900)])) for g in "ab"}
        )

    start, exact, skipped = time.perf_counter(), 0, 0
    for _ in range(cases):
        a, b, fixed = side(), side(), {"a": Decimal(rng.randint(0, 10)) / 10}
        if not a.volume or not b.volume:
            skipped += 1
            continue
        whole = sum((p[2] for p in unit_change.parts(a, b, fixed)), Fraction(0))
        exact += whole == b.unit_cost - a.unit_cost
    seconds = time.perf_counter() - start
    return {"cases": cases, "without_units_skipped": skipped, "exact": exact, "seconds": round(seconds, 1),
            "microseconds_each": round(1e6 * seconds / cases, 1)}  # fmt: skip


def knapsack(cases=300) -> dict:
    rng = random.Random(2)
    equal = beaten = 0
    lost, took = [], []
    for _ in range(cases):
        some = [
            bets.Bet(
                str(i),
                "",
                Decimal(rng.randint(5, 60)),
                *[Decimal(rng.randint(5, 150))] * 3,
                Decimal(1),
                rng.choice(["", "", "x"]),
            )
            for i in range(12)
        ]
        start = time.perf_counter()
        best = bets.gain(bets.best(some, Decimal(100)))
        took.append(time.perf_counter() - start)
        greedy = bets.gain(bets.greedy(some, Decimal(100)))
        equal += best == bets.gain(bets.exhaustive(some, Decimal(100)))
        beaten += best > greedy
        lost.append(float(1 - greedy / best) if best else 0.0)
    return {"cases": cases, "equal_to_exhaustive": equal, "better_than_list_by_return": beaten,
            "list_by_return_loses_percent_mean": round(100 * statistics.fmean(lost), 2), "list_by_return_loses_percent_worst": round(100 * max(lost), 1),
            "milliseconds_each": round(1000 * statistics.fmean(took), 1)}  # fmt: skip


def main() -> None:
    out = {
        "what": "unit cost: fixed and variable, splits, bets; “our generator” for the company, real demand with a made cost beside it",
        "coverage": coverage(),
        "company (our generator), 4 weeks ahead": company(sys.argv[1]),
        "real demand, made cost, 4 weeks ahead": demand(Path(sys.argv[2]))
        if len(sys.argv) > 2
        else {"skipped": "no SHARED given"},
        "splits": splits(),
        "bets": knapsack(),
    }
    RESULTS.write_text(json.dumps(out, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(out, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
