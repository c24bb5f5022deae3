"""Does reconciling departments, providers and total lower the error of the next 30 days' cost? Walk-forward.

Run: ``python benchmarks/reconcile.py STORE``: a store with two years of charges. Compared are each series' own forecast
(does not add up), bottom-up, weighted least squares and MinT on the same base forecasts. Figures: docs/forecast.md.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from helpers.data.charges import open_charges
from helpers.models.forecast import forecast
from helpers.models.reconcile import ALL, hierarchy, reconciled
from helpers.models.smoothing import DAY

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "reconcile.json"
HORIZON, ORIGINS, EVERY = 30, 12, 28
METHODS = ("own", "bottom-up", "wls", "mint")


def cells(store: str, currency: str = "USD") -> tuple[list[tuple[str, str]], np.ndarray]:
    """Daily effective cost of department by provider; charges longer than a day are left out."""
    c: Any = open_charges(store)
    day = c.ChargePeriodEnd.epoch_seconds() - c.ChargePeriodStart.epoch_seconds() <= 86_400
    c = c.filter(c.BillingCurrency == currency, day)
    c = c.mutate(d=c.ChargePeriodStart.date(), who=c.x_KitDepartment.fill_null("no department"))
    found = c.aggregate(by=["who", "ServiceProviderName", "d"], v=c.EffectiveCost.sum()).to_pandas()
    found["v"] = found["v"].astype(float)
    wide = found.pivot_table(
        index="d", columns=["who", "ServiceProviderName"], values="v", aggfunc="sum"
    ).sort_index()
    wide = wide.iloc[:-7].fillna(0.0)  # the last days are not whole
    return list(wide.columns), wide.to_numpy()


def past_errors(panel, series: np.ndarray) -> np.ndarray:
    """Errors of past origins by series: mean over the horizon, in money."""
    scaled = panel.past * panel.scale[:, None, None]
    usable = np.isfinite(scaled).all(axis=(0, 2))
    return scaled[:, usable].mean(axis=2).T * HORIZON


def level(key: tuple[str, str]) -> str:
    """Which level of the hierarchy a key stands on."""
    return {(True, True): "total", (False, True): "department", (True, False): "provider"}.get(
        (key[0] == ALL, key[1] == ALL), "cell"
    )


def main(store: str) -> None:
    """Walk forward and write the results."""
    names, values = cells(store)
    misses: dict[str, dict[str, float]] = {m: {} for m in METHODS}
    came: dict[str, float] = {}
    began, seconds, count = time.perf_counter(), 0.0, 0
    for back in range(ORIGINS):
        cut = len(values) - HORIZON - back * EVERY
        if cut < 365:
            break
        alive = [i for i in range(len(names)) if values[cut - 28 : cut, i].any()]
        tree = hierarchy([names[i] for i in alive])
        order = [alive[[names[i] for i in alive].index(c)] for c in tree.cells]
        past, truth = (
            tree.sums @ values[:cut, order].T,
            tree.sums @ values[cut : cut + HORIZON, order].sum(axis=0),
        )
        panel = forecast(
            {f"{i}": v[int((v != 0).argmax()) :] for i, v in enumerate(past)}, HORIZON, grain=DAY
        )
        base = panel.mean.sum(axis=1)
        errors = past_errors(panel, past)
        start = time.perf_counter()
        made = {
            "own": base,
            "bottom-up": tree.sums @ base[-len(order) :],
            "wls": reconciled(base, tree.sums, errors if len(errors) >= 8 else None),
            "mint": reconciled(base, tree.sums, errors if len(errors) >= 8 else None, method="mint"),
        }
        seconds += time.perf_counter() - start
        count += 1
        for i, key in enumerate(tree.keys):
            here = level(key)
            came[here] = came.get(here, 0.0) + abs(truth[i])
            for method, found in made.items():
                misses[method][here] = misses[method].get(here, 0.0) + abs(found[i] - truth[i])
    table = {m: {k: round(v / came[k], 5) for k, v in by.items()} for m, by in misses.items()}
    result = {
        "what": "sum of absolute errors of 30 days' cost / sum of cost, by level; walk-forward, every 28 days",
        "origins": count, "cells": len(names), "days": len(values), "error": table,
        "reconcile_seconds_each": round(seconds / max(count, 1) / 2, 5), "seconds": round(time.perf_counter() - began, 1),
    }  # fmt: skip
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
