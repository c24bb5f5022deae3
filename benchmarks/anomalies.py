"""Anomalies: alerts on labelled telemetry and on companies with planted anomalies, beside simple and published methods.

Run: ``python benchmarks/anomalies.py telemetry [FOLDER]``, ``python benchmarks/anomalies.py company STORE TRUTH [STORE TRUTH …]``,
``python benchmarks/anomalies.py speed``. Each writes its part of ``results/anomalies.json``. What the figures mean, and what
was chosen while looking at which series: docs/anomalies.md.

References
----------
A. Siffer et al., Anomaly detection in streams with extreme value theory, KDD 2017, doi 10.1145/3097983.3098144 (SPOT; here
with a moment fit, its threshold taken anew each hour).
R. B. Cleveland et al., STL, Journal of Official Statistics 6, 1990; statsmodels' implementation, fitted on the past alone.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "anomalies.json"
WARM, MUTE, STEP, DAY = 576, 288, 300, 288  # steps of five minutes: two days, a day
FORTNIGHT = 14 * DAY
Array = Any


# ------------------------------------------------------------------------------------------------------------ telemetry


def series(folder: Path) -> dict[str, tuple[list[datetime], Array, list[tuple[datetime, datetime]]]]:
    """Name to times, values and labelled windows."""
    from helpers.data import stamped

    windows = json.loads((folder / "anomaly_windows.json").read_text("utf-8"))
    found = {}
    for name, labelled in windows.items():
        read = stamped.read(folder / name)
        spans = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in labelled]
        found[name] = read.times, np.array(read.values), spans
    return found


def filled(values: Array) -> Array:
    """Gaps take the value before them: what the simple methods need."""
    at = np.where(np.isfinite(values), np.arange(len(values)), 0)
    return values[np.maximum.accumulate(at)]


def muted(hits: Array, mute: int = MUTE) -> list[int]:
    """Starts of alerts: none before the warm-up ends, none while one is muted."""
    found, free = [], WARM
    for i in np.flatnonzero(hits):
        if i >= free:
            found.append(int(i))
            free = i + mute
    return found


def rolling(values: Array, wide: int, what: Callable) -> Array:
    """A statistic of the last `wide` values, each without the value itself; NaN before there are so many."""
    view = np.lib.stride_tricks.sliding_window_view(values, wide)
    return np.concatenate([np.full(wide, np.nan), what(view, axis=1)[:-1]])


def kit(values: Array, margin: float, mute: int = MUTE) -> list[int]:
    """The kit's detector."""
    from dataclasses import replace

    from helpers.models.anomalies import single

    settings = replace(single.Settings(), margin=margin, mute=mute * STEP)
    return [a.start for a in single.detect(values, STEP, settings)]


def median_mad(values: Array, wide: int, k: float) -> list[int]:
    """Distance from the rolling median in rolling MADs."""
    middle = rolling(values, wide, np.median)
    spread = 1.4826 * rolling(np.abs(values - np.nan_to_num(middle, nan=values[0])), wide, np.median)
    with np.errstate(invalid="ignore", divide="ignore"):
        return muted(np.abs(values - middle) > k * np.maximum(spread, 1e-9))


def mean_sigma(values: Array, wide: int, k: float) -> list[int]:
    """Distance from the rolling mean in rolling standard deviations."""
    middle, spread = rolling(values, wide, np.mean), rolling(values, wide, np.std)
    return muted(np.abs(values - middle) > k * np.maximum(spread, 1e-9))


def level_shift(values: Array, wide: int, k: float) -> list[int]:
    """Median of the last values against the median of those before, in usual differences of the two."""
    new = rolling(values, wide, np.median)
    old = np.concatenate([np.full(wide, np.nan), new[:-wide]])
    moved = np.abs(new - old)
    usual = np.array([np.nanmedian(moved[:i]) if i >= WARM else np.nan for i in range(0, len(moved), 12)])
    usual = np.repeat(usual, 12)[: len(moved)]
    spread = np.nanstd(values[:WARM]) * 0.05
    with np.errstate(invalid="ignore"):
        return muted(moved > k * np.maximum(usual, spread))


def stl(values: Array, k: float) -> list[int]:
    """Residual of an STL fitted on the past, taken anew each day, in MADs of the past's residuals."""
    from statsmodels.tsa.seasonal import STL

    hits = np.zeros(len(values), dtype=bool)
    for begin in range(WARM, len(values), DAY):
        past = values[max(0, begin - 7 * DAY) : begin]
        fit = STL(past, period=DAY, robust=False, seasonal_jump=12, trend_jump=12, low_pass_jump=12).fit()
        day = values[begin : begin + DAY]
        expected = fit.seasonal[-DAY:][: len(day)] + fit.trend[-1]
        spread = 1.4826 * np.median(np.abs(fit.resid))
        hits[begin : begin + DAY] = np.abs(day - expected) > k * max(spread, 1e-9)
    return muted(hits)


def spot(values: Array, q: float, level: float = 0.98) -> list[int]:
    """SPOT: a generalised Pareto tail of what lies above a high level; an alert is not learned from."""
    kept = list(values[:WARM])
    hits = np.zeros(len(values), dtype=bool)
    threshold = _tail(np.array(kept), q, level)
    for i in range(WARM, len(values)):
        if values[i] > threshold:
            hits[i] = True
        else:
            kept.append(values[i])
        if i % 12 == 0:
            threshold = _tail(np.array(kept), q, level)
    return muted(hits)


def _tail(values: Array, q: float, level: float) -> float:
    high = np.quantile(values, level)
    over = values[values > high] - high
    if len(over) < 5 or over.std() == 0:
        return float(values.max())
    mean, variance = over.mean(), over.var()
    shape = 0.5 * (1 - mean**2 / variance)
    scale = 0.5 * mean * (mean**2 / variance + 1)
    ratio = q * len(values) / len(over)
    if abs(shape) < 1e-6:
        return float(high - scale * np.log(ratio))
    return float(high + scale / shape * (ratio**-shape - 1))


METHODS: dict[str, tuple[Callable, list[tuple]]] = {
    "kit": (kit, [(m,) for m in (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)]),
    "rolling median and MAD": (
        median_mad,
        list(itertools.product((72, 288, 576), (5.0, 8.0, 12.0, 20.0, 40.0, 80.0))),
    ),
    "rolling mean and deviation": (
        mean_sigma,
        list(itertools.product((72, 288, 576), (3.0, 4.0, 5.0, 6.0, 8.0, 10.0))),
    ),
    "level shift of medians": (
        level_shift,
        list(itertools.product((12, 36, 72), (5.0, 10.0, 20.0, 40.0, 80.0))),
    ),
    "STL residual": (stl, [(k,) for k in (5.0, 8.0, 12.0, 20.0, 40.0)]),
    "SPOT (Siffer 2017)": (spot, [(q,) for q in (1e-2, 1e-3, 3e-4, 1e-4, 1e-5)]),
}


def judged(starts: list[int], times, windows) -> tuple[int, int, int, list[float]]:
    """Windows hit, false alerts, windows, hours from a window's beginning to its first alert."""
    hit: dict[int, float] = {}
    false = 0
    for i in starts:
        inside = [n for n, (a, b) in enumerate(windows) if a <= times[i] <= b]
        if inside:
            hit.setdefault(inside[0], (times[i] - windows[inside[0]][0]).total_seconds() / 3600)
        else:
            false += 1
    return len(hit), false, len(windows), list(hit.values())


def f1(hit: int, false: int, windows: int) -> float:
    """Of alerts by their start."""
    return 2 * hit / (hit + false + windows) if hit else 0.0


def left_out(
    by: dict[tuple, dict[str, tuple]], names: list[str], most: float
) -> tuple[dict[str, tuple], dict[str, tuple]]:
    """Each series judged with the setting that is best on the others, among those with few enough false alarms."""
    chosen, result = {}, {}
    for name in names:
        others = [n for n in names if n != name]

        def worth(setting, others=others):
            hit, false, windows = (sum(by[setting][n][i] for n in others) for i in range(3))
            return (false <= most * len(others), f1(hit, false, windows))

        chosen[name] = max(by, key=worth)
        result[name] = by[chosen[name]][name]
    return chosen, result


def interval(result: dict[str, tuple], draws: int = 4000) -> list[float]:
    """90 % bootstrap interval of F1: series drawn with replacement."""
    rng = np.random.default_rng(1)
    rows = np.array([r[:3] for r in result.values()])
    found = [f1(*rows[rng.integers(0, len(rows), len(rows))].sum(axis=0)) for _ in range(draws)]
    return [round(float(v), 2) for v in np.quantile(found, (0.05, 0.95))]


def nulls() -> dict[str, list[Array]]:
    """Series without any anomaly, two weeks each: how often does a setting alarm for nothing?"""
    rng = np.random.default_rng(7)
    n, at = FORTNIGHT, np.arange(FORTNIGHT)

    def wandering() -> Array:
        noise, out = rng.normal(0, 1, n), np.zeros(n)
        for i in range(1, n):
            out[i] = 0.98 * out[i - 1] + noise[i]
        return 50 + out

    def bursts() -> Array:
        out = np.zeros(n)
        for _ in range(40):
            begin = rng.integers(0, n)
            out[begin : begin + rng.integers(1, 24)] = rng.normal(80, 10)
        return np.clip(out + rng.exponential(0.5, n), 0, 100)

    makers = {
        "normal": lambda: rng.normal(10, 1, n),
        "lognormal": lambda: rng.lognormal(0, 1, n),
        "wandering": wandering,
        "daily": lambda: 50 + 20 * np.sin(at / DAY * 2 * np.pi) + rng.normal(0, 3, n),
        "bursts": bursts,
        "heavy tail": lambda: rng.pareto(3, n),
    }
    return {name: [make() for _ in range(20)] for name, make in makers.items()}


def telemetry(folder: Path) -> dict[str, Any]:
    """All methods, each series with settings chosen on the others."""
    data = series(folder)
    names = list(data)
    fortnights = sum(len(v) for _, v, _ in data.values()) / FORTNIGHT
    found: dict[str, Any] = {
        "series": len(names),
        "windows": sum(len(w) for *_, w in data.values()),
        "fortnights": round(fortnights, 2),
    }
    for method, (run, settings) in METHODS.items():
        began = time.perf_counter()
        by = {
            s: {
                n: judged(run(v if method == "kit" else filled(v), *s), t, w) for n, (t, v, w) in data.items()
            }
            for s in settings
        }
        seconds = time.perf_counter() - began
        chosen, result = left_out(by, names, most=1.0)
        hit, false, windows = (sum(r[i] for r in result.values()) for i in range(3))
        delays = sorted(h for r in result.values() for h in r[3])
        best = max(by, key=lambda s: f1(*(sum(by[s][n][i] for n in names) for i in range(3))))
        found[method] = {
            "f1": round(f1(hit, false, windows), 3),
            "interval_90": interval(result),
            "found": hit,
            "missed": windows - hit,
            "false": false,
            "false_a_fortnight": round(false / fortnights, 2),
            "hours_from_the_windows_beginning_median": round(delays[len(delays) // 2], 1) if delays else None,
            "settings_chosen_on_the_others": {n: list(s) for n, s in chosen.items()},
            "f1_in_hindsight": round(f1(*(sum(by[best][n][i] for n in names) for i in range(3))), 3),
            "best_in_hindsight": list(best),
            "seconds_all_settings": round(seconds, 1),
            "by_series": {n: {"found": r[0], "false": r[1], "windows": r[2]} for n, r in result.items()},
        }
    found["kit as shipped"] = _as_shipped(data, fortnights)
    found["kit, its windows chosen on the others too"] = _whole(data, names, fortnights)
    found["how much it depends on"] = _depends(data)
    found["false alarms a fortnight without any anomaly"] = {
        kind: round(float(np.mean([len(kit(v, 1.25)) for v in several])), 2)
        for kind, several in nulls().items()
    }
    found["all 8 series over one alert"] = "an alert over a whole series starts outside its windows: F1 0"
    return found


def _as_shipped(data, fortnights: float) -> dict[str, Any]:
    result = {n: judged(kit(v, 1.25), t, w) for n, (t, v, w) in data.items()}
    hit, false, windows = (sum(r[i] for r in result.values()) for i in range(3))
    return {
        "f1": round(f1(hit, false, windows), 3), "interval_90": interval(result), "found": hit, "false": false,
        "false_a_fortnight": round(false / fortnights, 2),
    }  # fmt: skip


def _whole(data, names: list[str], fortnights: float) -> dict[str, Any]:
    """Not only the margin but also spread, block and top are chosen on the other series: the honest upper end of tuning."""
    from dataclasses import replace

    from helpers.models.anomalies import single

    by = {}
    for hours, block, top in itertools.product((3, 6, 12), (1, 3), (4, 8, 16)):
        base = replace(single.Settings(), spread=hours * 3_600, block=block * 3_600, top=top)
        for margin in (0.5, 1.0, 1.5, 2.0, 3.0):
            setting = replace(base, margin=margin)
            by[hours, block, top, margin] = {
                n: judged([a.start for a in single.detect(v, STEP, setting)], t, w)
                for n, (t, v, w) in data.items()
            }
    chosen, result = left_out(by, names, most=1.0)
    hit, false, windows = (sum(r[i] for r in result.values()) for i in range(3))
    return {
        "f1": round(f1(hit, false, windows), 3), "interval_90": interval(result), "found": hit, "false": false,
        "false_a_fortnight": round(false / fortnights, 2),
        "f1_of_all_settings_quartiles": [
            round(float(q), 2)
            for q in np.quantile([f1(*(sum(r[i] for r in rows.values()) for i in range(3))) for rows in by.values()], (0.25, 0.5, 0.75))
        ],
        "settings_chosen_on_the_others": {n: list(s) for n, s in chosen.items()},
    }  # fmt: skip


def _depends(data) -> dict[str, Any]:
    """F1 when one choice at a time is another."""
    from dataclasses import replace

    from helpers.models.anomalies import single

    usual = single.Settings()
    tries = {
        "warm_days": [replace(usual, warm=int(d * 86_400)) for d in (1, 1.5, 2, 2.5, 3)],
        "mute_days": [replace(usual, mute=int(d * 86_400)) for d in (0.5, 1, 1.5, 2)],
        "spread_hours": [replace(usual, spread=h * 3_600) for h in (1, 3, 6, 12)],
        "block_hours": [replace(usual, block=h * 3_600) for h in (1, 3, 6)],
        "top": [replace(usual, top=k) for k in (4, 8, 16)],
    }
    out: dict[str, Any] = {}
    for name, several in tries.items():
        out[name] = {}
        for s in several:
            rows = [
                judged([a.start for a in single.detect(v, STEP, s)], t, w)[:3] for t, v, w in data.values()
            ]
            hit, false, windows = np.sum(rows, axis=0)
            key = {"warm_days": s.warm / 86_400, "mute_days": s.mute / 86_400, "spread_hours": s.spread / 3_600, "block_hours": s.block / 3_600, "top": s.top}[name]  # fmt: skip
            out[name][str(key)] = {"f1": round(f1(hit, false, windows), 2), "false": int(false)}
    return out


# -------------------------------------------------------------------------------------------------------------- company

WANTED = ("cost-spike", "cost-creep", "crypto-miner", "open-bucket")


def planted(truth: Path) -> tuple[list[dict], dict[str, list[dict]], list[dict]]:
    """Anomalies that must be found; whatever else is planted, by resource; decoys."""
    wanted, other, decoys = [], {}, []
    for path in sorted(truth.glob("*.json")):
        if path.stem == "index":
            continue
        for r in json.loads(path.read_text("utf-8")):
            if r["kind"] in WANTED:
                wanted.append(r)
            elif r["kind"] == "decoy":
                decoys.append(r)
            else:
                for value in r["scope"].values():
                    other.setdefault(value, []).append(r)
    return wanted, other, decoys


def company(store: Path, truth: Path) -> dict[str, Any]:
    """Month by month, as each report would have said it: alarms that were seen in the month."""
    from helpers.catalog.anomalies import serves
    from helpers.measures import daily
    from helpers.models.anomalies import incidents, known
    from helpers.runs import begin
    from helpers.terms.period import Month

    run = begin("engineering_rightsizing", data=str(store), month="2026-09")
    every = daily.lines(run.charges, run.month, currency="USD", months=24, as_of=run.as_of)
    events = known.events(run.table("calendar"), run.table("scenarios"), run.table("contracts"))
    growth = serves(run)
    wanted, other, decoys = planted(truth)
    alarms, quiet = [], []
    began = time.perf_counter()
    for n in range(21, -1, -1):  # from the third month on
        month = run.month.plus(-n)
        first = month.plus(-12)
        inside = (every["day"] >= first.start.date()) & (every["day"] < month.end.date())
        found = incidents.find(every.loc[inside], events=events, serves=growth)
        seen = [i for i in found.incidents if Month.of(i.seen) == month]
        alarms += [i for i in seen if i.status == "alarm"]
        quiet += [i for i in seen if i.status != "alarm"]
    seconds = time.perf_counter() - began
    last = incidents.find(every, events=events, serves=growth)
    return _company(alarms, quiet, last, wanted, other, decoys, seconds) | {
        "peers": peers(every, wanted, other)
    }


def _hits(resources, start: date, seen: date, r: dict) -> bool:
    begins = date.fromisoformat(r["start"]) if r["start"] else date.min
    ends = date.fromisoformat(r["end"]) if r["end"] else date(9000, 1, 1)
    return any(v in resources for v in r["scope"].values()) and begins <= seen <= ends + timedelta(days=7)


def _company(alarms, quiet, last, wanted, other, decoys, seconds) -> dict[str, Any]:
    right, elsewhere, wrong = [], [], []
    for i in alarms:
        fits = [r for r in wanted if _hits(i.parts, i.start, i.seen, r)]
        others = [r for p in i.parts[:3] for r in other.get(p, [])]
        (right if fits else elsewhere if others else wrong).append(i)
    found = {r["id"] for r in wanted if any(_hits(i.parts, i.start, i.seen, r) for i in right)}
    loud = sorted({r["id"] for r in decoys if any(_hits(i.parts, i.start, i.seen, r) for i in alarms)})
    told = []
    for r in wanted:
        mine = [i for i in right if _hits(i.parts, i.start, i.seen, r)]
        whole = [i for i in last.incidents if i.status == "alarm" and _hits(i.parts, i.start, i.seen, r)]
        if mine:
            days = (min(i.seen for i in mine) - date.fromisoformat(r["start"])).days
            told.append({"id": r["id"], "days_to_the_alert": days, "planted": r["cost"], "basis": r["basis"], "found_in_all": str(sum(i.excess for i in whole)), "cause": mine[0].cause.words})  # fmt: skip
    return {
        "planted": len(wanted),
        "found": len(found),
        "missed": sorted({r["id"] for r in wanted} - found),
        "alarms": len(alarms),
        "right": len(right),
        "on_other_planted_things": [f"{i.name} ({i.seen})" for i in elsewhere],
        "wrong": [f"{i.name} ({i.seen})" for i in wrong],
        "recall": round(len(found) / len(wanted), 3),
        "precision": round(len(right) / len(alarms), 3) if alarms else None,
        "precision_with_other_planted_things": round((len(right) + len(elsewhere)) / len(alarms), 3)
        if alarms
        else None,
        "decoys_that_alarmed": loud,
        "quiet_for_a_reason": len(quiet),
        "each": told,
        "seconds_for_22_months": round(seconds, 1),
    }


def peers(lines, wanted, other) -> dict[str, Any]:
    """Simple rules on the same days: mean and deviation by account and service, median and MAD by resource."""
    ran = lines[lines["status"] != "Unused"]
    days = sorted(set(ran["day"]))
    out = {}
    for name, keys, rule, k in (
        ("mean and 3 deviations, account and service", ["account", "service"], "mean", 3.0),
        ("mean and 3 deviations, resource", ["account", "service", "resource_id"], "mean", 3.0),
        ("median and 5 MADs, resource", ["account", "service", "resource_id"], "median", 5.0),
    ):
        wide = ran.pivot_table(index=keys, columns="day", values="cost", aggfunc="sum").reindex(columns=days)
        values = wide.to_numpy()
        least = 0.001 * np.nanmedian(np.nansum(values, axis=0))
        alerts = []
        for n, row in enumerate(values):
            free = 0
            for d in range(28, len(days)):
                past = row[d - 28 : d]
                if d < free or not np.isfinite(past).all() or not np.isfinite(row[d]):
                    continue
                middle = past.mean() if rule == "mean" else np.median(past)
                spread = past.std() if rule == "mean" else 1.4826 * np.median(np.abs(past - middle))
                if row[d] - middle > max(k * spread, least):
                    alerts.append((wide.index[n], days[d]))
                    free = d + 7
        out[name] = _peer(alerts, ran, wanted, other)
    return out


def _peer(alerts, ran, wanted, other) -> dict[str, Any]:
    of = ran.groupby(["account", "service"])["resource_id"].agg(set).to_dict()
    right, elsewhere, found = 0, 0, set()
    for key, day in alerts:
        resources = of[key] if len(key) == 2 else {key[2]}
        fits = [r for r in wanted if _hits(resources, day, day, r)]
        found |= {r["id"] for r in fits}
        right += bool(fits)
        elsewhere += not fits and len(key) == 3 and key[2] in other
    return {
        "alarms": len(alerts),
        "recall": round(len(found) / len(wanted), 3),
        "precision": round(right / len(alerts), 3) if alerts else None,
        "precision_with_other_planted_things": round((right + elsewhere) / len(alerts), 3)
        if alerts
        else None,
    }


# ---------------------------------------------------------------------------------------------------------------- speed


def speed() -> dict[str, Any]:
    """Daily series of two years: the walk over the days and the growth of half a year, by how many series."""
    from helpers.models.anomalies import creep
    from helpers.models.anomalies.panel import watch

    rng = np.random.default_rng(3)
    out = {}
    for count in (1_000, 3_000, 10_000):
        level = rng.lognormal(3, 1.5, (count, 1))
        week = 1 + 0.2 * np.sin(np.arange(730) * 2 * np.pi / 7)
        values = level * week * rng.normal(1, 0.04, (count, 730))
        began = time.perf_counter()
        watched = watch(values)
        walked = time.perf_counter() - began
        weekly = values[:, :728].reshape(count, 104, 7).mean(axis=2)
        for last in range(26, 105, 4):
            creep.growth_of(weekly[:, last - 26 : last])
        out[f"{count:,} series of 730 days"] = {
            "seconds": round(time.perf_counter() - began, 1),
            "of_them_walk": round(walked, 1),
            "episodes": len(watched.episodes),
        }
    from helpers.models.anomalies import single

    wave = 10 + np.sin(np.arange(26 * FORTNIGHT) * 2 * np.pi / DAY) + rng.normal(0, 0.1, 26 * FORTNIGHT)
    began = time.perf_counter()
    single.detect(wave, STEP)
    out[f"one series of {len(wave):,} steps"] = {"seconds": round(time.perf_counter() - began, 1)}
    return out


def main(what: str, *rest: str) -> None:
    """Take one part and write it."""
    held = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if what == "telemetry":
        folder = Path(rest[0]) if rest else ROOT.parent / "shared" / "data" / "telemetry"
        held["telemetry"] = telemetry(folder)
    elif what == "company":
        held["company"] = held.get("company", {}) | {f"seed {_seed(Path(t))}": company(Path(s), Path(t)) for s, t in zip(rest[::2], rest[1::2], strict=True)}  # fmt: skip
    else:
        held["speed"] = speed()
    RESULTS.write_text(json.dumps(held, indent=1, default=str) + "\n", "utf-8")
    print(json.dumps(held[what], indent=1, default=str))


def _seed(truth: Path) -> str:
    return json.loads((truth / "index.json").read_text("utf-8"))["seed"]


if __name__ == "__main__":
    main(*sys.argv[1:])
