"""Forecasts against seasonal naive, AutoETS, AutoTheta and others, walk-forward on data of others.

Run: ``python benchmarks/forecast.py [--peers PYTHON] [--shared FOLDER]``. Peers come from statsforecast 2.0.x, which the kit
does not depend on: give the interpreter of an environment that has it (``python -m venv sf && sf/bin/pip install
statsforecast==2.0.3 pyarrow``); without it they are left out and the results say so. How each figure is defined:
docs/forecast.md.
"""

from __future__ import annotations

import argparse
import json
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "forecast.json"
LEVELS = (0.5, 0.8, 0.95)
PEERS = """
import pickle, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, pandas as pd
from statsforecast import StatsForecast
from statsforecast.models import AutoETS, AutoTheta, DynamicOptimizedTheta, MSTL, SeasonalNaive
cases, horizon, period, names, freq = pickle.load(open(sys.argv[1], "rb"))
models = {"seasonal naive": SeasonalNaive(period), "AutoETS": AutoETS(season_length=period), "AutoTheta": AutoTheta(season_length=period), "DynamicOptimizedTheta": DynamicOptimizedTheta(season_length=period), "MSTL with AutoETS": MSTL(season_length=period, trend_forecaster=AutoETS(model="ZZN"))}
frame = pd.concat([pd.DataFrame({"unique_id": f"{i:05d}", "ds": pd.date_range("2020-01-01", periods=len(y), freq=freq), "y": y}) for i, y in enumerate(cases)])
found = {}
for name in names:
    began = time.perf_counter()
    made = StatsForecast(models=[models[name]], freq=freq, n_jobs=1, fallback_model=SeasonalNaive(period)).forecast(df=frame, h=horizon, level=[50, 80, 95])
    took = time.perf_counter() - began
    columns = {c.split("-", 1)[1] if "-" in c else "mean": made[c].to_numpy().reshape(len(cases), horizon) for c in made.columns if c not in ("unique_id", "ds")}
    found[name] = (columns["mean"], {l / 100: (columns[f"lo-{l}"], columns[f"hi-{l}"]) for l in (50, 80, 95)}, took / len(cases))
pickle.dump(found, open(sys.argv[2], "wb"))
"""


def daily_demand(path: Path) -> dict[str, pd.Series]:
    """Hourly demand summed to days by region and type, from a series' first day to the data's last; no hour is no demand."""
    table = pd.read_parquet(path)
    day = pd.to_datetime(table["USAGE_HOUR"]).dt.tz_localize(None).dt.floor("D")
    sums = table.groupby([table["REGION_NUM"], table["INSTANCE_TYPE"], day])["NORM_USAGE"].sum()
    found = {}
    for (region, kind), own in sums.groupby(level=[0, 1]):
        own = own.droplevel([0, 1])
        found[f"{region}{kind}"] = own.reindex(pd.date_range(own.index.min(), day.max())).fillna(0.0)
    return found


def cases(
    series: dict[str, pd.Series], *, horizon: int, every: int, least: int, alive: int = 28
) -> list[tuple]:
    """(name, origin, past, future): series with `least` steps of past, alive (half of the last `alive` steps above zero)."""
    last = max(s.index.max() for s in series.values())
    step = next(iter(series.values())).index.freq or pd.Timedelta(days=1)
    found = []
    for k in range(400):
        origin = last - (horizon + every * k) * step
        for name, own in series.items():
            past = own[:origin].to_numpy()
            future = own[own.index > origin].to_numpy()[:horizon]
            if len(past) >= least and len(future) == horizon and (past[-alive:] > 0).mean() >= 0.5:
                found.append((name, origin, past, future))
    return found


def kit(held: list[tuple], horizon: int, grain=None, together: bool = True):
    """The kit's forecasts: all series of one origin at once, as `finops forecast` would see them on that day."""
    from helpers.models.forecast import forecast
    from helpers.models.smoothing import DAY

    groups: dict = {}
    for i, case in enumerate(held):
        groups.setdefault(case[1] if together else i, []).append(i)
    mean = np.zeros((len(held), horizon))
    bounds = {level: (np.zeros_like(mean), np.zeros_like(mean)) for level in LEVELS}
    began = time.perf_counter()
    for members in groups.values():
        panel = forecast({str(i): held[i][2] for i in members}, horizon, grain=grain or DAY)
        mean[members] = panel.mean
        for level in LEVELS:
            for side in (0, 1):
                bounds[level][side][members] = panel.bounds[level][side]
    return mean, bounds, (time.perf_counter() - began) / len(held)


def naive(held: list[tuple], horizon: int, period: int) -> np.ndarray:
    """The last season, again and again."""
    return np.array([np.resize(past[-period:], horizon) for _, _, past, _ in held])


def scores(held: list[tuple], made: tuple, horizon: int, period: int = 7) -> dict:
    """The figures of docs/forecast.md for one method."""
    mean, bounds, seconds = made
    future = np.array([f for *_, f in held])
    scale = np.array([np.abs(p[period:] - p[:-period]).mean() for _, _, p, _ in held])
    base = np.abs(future - naive(held, horizon, period)).mean(axis=1)
    error = np.abs(future - mean).mean(axis=1)
    sure = scale > 0
    moving = sure & (base > 0)
    low, high = bounds[0.95]
    interval = (high - low) + 40 * np.clip(low - future, 0, None) + 40 * np.clip(future - high, 0, None)
    quantiles = [
        (q, b)
        for level in LEVELS
        for q, b in (((1 - level) / 2, bounds[level][0]), ((1 + level) / 2, bounds[level][1]))
    ]
    pinball = np.mean(
        [np.where(future >= b, q * (future - b), (1 - q) * (b - future)) for q, b in quantiles], axis=0
    )
    return {
        "cases": len(held),
        "mase": float((error / scale)[sure].mean()),
        "mase_ratio": float((error / scale)[sure].mean() / (base / scale)[sure].mean()),
        "median_case_ratio": float(np.median(error[moving] / base[moving])),
        "loses": float((error[sure] > base[sure] * (1 + 1e-9)).mean()),
        "bias": float(((mean - future).mean(axis=1) / scale)[sure].mean()),
        "coverage": {
            str(level): float(((future >= bounds[level][0]) & (future <= bounds[level][1])).mean())
            for level in LEVELS
        },
        "interval_score": float((interval.mean(axis=1) / scale)[sure].mean()),
        "interval_score_median": float(np.median((interval.mean(axis=1) / scale)[sure])),
        "pinball": float((pinball.mean(axis=1) / scale)[sure].mean()),
        "seconds_per_series": seconds,
    }


def peers(
    held: list[tuple], horizon: int, period: int, python: str, names: list[str], freq: str = "D"
) -> dict:
    """statsforecast's models in their own environment; nothing where it is absent."""
    with tempfile.TemporaryDirectory() as folder:
        given, back = Path(folder) / "in.pkl", Path(folder) / "out.pkl"
        given.write_bytes(pickle.dumps(([p for _, _, p, _ in held], horizon, period, names, freq)))
        done = subprocess.run(
            [python, "-c", PEERS, str(given), str(back)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(
                f"peers left out: {done.stderr.strip().splitlines()[-1][:120] if done.stderr else 'no statsforecast'}",
                file=sys.stderr,
            )
            return {}
        return pickle.loads(back.read_bytes())


def company(store: str) -> dict[str, pd.Series]:
    """Daily effective cost of the sample company by department."""
    from helpers.data import open_charges
    from helpers.measures import spend

    charges = open_charges(store)
    found = {}
    for dimension in ("x_KitDepartment",):
        days = spend.by_day(charges, currency="USD", dimension=dimension)
        days = days[~days["whole"].astype(bool)]
        last = max(days["day"])
        for name, own in days.groupby("name"):
            sums = own.groupby("day")["amount"].sum().astype(float)
            index = pd.date_range(pd.Timestamp(min(own["day"])), pd.Timestamp(last))
            sums.index = pd.to_datetime(sums.index)
            found[f"{dimension} {name}"] = sums.reindex(index).fillna(0.0)
    return found


def telemetry(folder: Path) -> dict[str, pd.Series]:
    """The eight CloudWatch series by the hour."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        own = (
            pd.read_csv(path, parse_dates=["timestamp"]).set_index("timestamp")["value"].resample("h").mean()
        )
        found[path.stem] = own.interpolate()
    return found


def main() -> None:
    from helpers.models.forecast import forecast
    from helpers.models.smoothing import HOUR

    ask = argparse.ArgumentParser()
    ask.add_argument("--peers", default="")
    ask.add_argument("--shared", default=str(ROOT.parent / "shared" / "data"))
    ask.add_argument("--store", default="")
    given = ask.parse_args()
    shared = Path(given.shared)
    out: dict = {"peers": "statsforecast 2.0.3" if given.peers else "left out: no --peers given", "sets": {}}
    every = ["seasonal naive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta", "MSTL with AutoETS"]

    def compare(
        label: str, held: list[tuple], horizon: int, period: int, grain=None, freq: str = "D"
    ) -> None:
        made = {"kit": kit(held, horizon, grain)}
        if given.peers:
            made |= peers(held, horizon, period, given.peers, every, freq)
        out["sets"][label] = {name: scores(held, m, horizon, period) for name, m in made.items()}
        _keep(out)
        for name, s in out["sets"][label].items():
            print(
                f"{label:34} {name:18} {s['mase_ratio']:.3f} loses {s['loses']:.2f} covers {s['coverage']['0.95']:.3f} score {s['interval_score']:.1f}",
                flush=True,
            )

    demand = daily_demand(shared / "commitments" / "vm_demand_hourly_regions_1_2.parquet")
    for horizon in (90, 30):
        compare(
            f"demand, {horizon} days, past 365",
            cases(demand, horizon=horizon, every=28, least=365),
            horizon,
            7,
        )
        held = cases(demand, horizon=horizon, every=28, least=120)
        plain = {"kit": kit(held, horizon), "seasonal naive": _constant(held, horizon)}
        out["sets"][f"demand, {horizon} days, past 120"] = {
            n: scores(held, m, horizon) for n, m in plain.items()
        }
    for name, phase in (("region 1 alone", "1"), ("region 2 alone", "2")):
        held = cases({k: s for k, s in demand.items() if k[0] == phase}, horizon=90, every=28, least=365)
        out["sets"][f"demand, 90 days, past 365, {name}"] = {"kit": scores(held, kit(held, 90), 90)}
    held = cases(demand, horizon=90, every=7, least=365)
    out["sets"]["demand, 90 days, past 365, every week"] = {"kit": scores(held, kit(held, 90), 90)}
    if given.store:
        compare(
            "sample company, 30 days", cases(company(given.store), horizon=30, every=84, least=365), 30, 7
        )
    hours = telemetry(shared / "telemetry")
    held = []
    for name, own in hours.items():
        for back in range(48, 7 * 24, 24):
            past, future = own.to_numpy()[: len(own) - back], own.to_numpy()[len(own) - back :][:48]
            if len(past) >= 7 * 24 and len(future) == 48:
                held.append((name, back, past, future))
    compare("telemetry, 48 hours", held, 48, 24, HOUR, "h")
    rng = np.random.default_rng(7)
    table = {
        f"s{i}": np.maximum(
            0, 100 + rng.normal(0, 1, 730).cumsum() + 10 * np.sin(np.arange(730) * 2 * np.pi / 7)
        )
        for i in range(1000)
    }
    began = time.perf_counter()
    forecast(table, 90)
    out["thousand_series_seconds"] = round(time.perf_counter() - began, 1)
    _keep(out)


def _constant(held: list[tuple], horizon: int) -> tuple:
    """The seasonal naive with the usual normal intervals of its one-step errors, as textbooks have them."""
    mean = naive(held, horizon, 7)
    sigma = np.array([np.std(p[7:] - p[:-7]) for _, _, p, _ in held])[:, None]
    reach = np.sqrt(np.floor((np.arange(horizon)) / 7) + 1)[None]
    half = {0.5: 0.6745, 0.8: 1.2816, 0.95: 1.96}
    return (
        mean,
        {level: (mean - z * sigma * reach, mean + z * sigma * reach) for level, z in half.items()},
        0.0,
    )


def _keep(out: dict) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(_rounded(out), indent=1) + "\n", "utf-8")


def _rounded(value):
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
