"""Machines: idle, too large, of an old generation, better on ARM; from hourly use, prices taken from the charges.

How each is decided, and against which published rules: docs/rightsizing.md. Estimates are floats inside; money comes
out as Decimal to the cent.

References
----------
Azure Advisor, cost recommendations (shutdown: 95th percentile of the processor's maximum under 3 %, network under 2 %),
MicrosoftDocs/azure-docs, articles/advisor/advisor-cost-recommendations.md, read 2026-11-26.
AWS Compute Optimizer, idle resources and their lookback of 14 days, docs.aws.amazon.com/compute-optimizer, read 2026-11-26.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.models.advice import EFFORT, Advice, Found, Left, cents, reserved, stem
from helpers.terms.money import CONTEXT, ratio

if TYPE_CHECKING:
    import pandas as pd

ROWS_AT_ONCE = 6_000_000  # of hourly use in one pass: exact quantiles hold their rows in memory
HOURS_UNITS = ("hour", "hours", "hrs", "instance-hours", "vm-hours")
SEASONS = ("season", "promotion")
NETWORK = ("network_in", "network_out")
DISK = ("disk_read", "disk_write")
TRIES = (
    "dev",
    "develop",
    "development",
    "test",
    "testing",
    "try",
    "staging",
    "stage",
    "qa",
    "sandbox",
    "batch",
    "ci",
)


@dataclass(frozen=True)
class Policy:
    """Limits of the advice; all are arguments, none is hidden.

    Attributes
    ----------
    least_days : int
        Days measured before anything is advised; the published tools take 7 to 14.
    sure_days : int
        Days from which advice may be called sure: four whole weeks.
    idle_average, idle_peak : float
        Processor of an idle machine: each hour's average under, each hour's maximum under [%].
    idle_memory : float
        Memory of a machine that holds no application [%].
    idle_network : float
        Traffic of an idle machine, each way [Mbit/s for each vCPU].
    processor : float
        Use of the candidate's processors at the 99.9th percentile of past hours [%].
    memory : float
        Use of the candidate's memory in its fullest hour [%].
    network : float
        Traffic of a smaller machine in its busiest hour [Mbit/s for each vCPU of the candidate].
    step, sure_step : float
        Smallest part of today's processors that is advised at once, before and from `sure_days` on [1]: one size, then two.
    least_share : float
        Saving below this share of the cost is left alone [1].
    season_days : int
        How far ahead a season of the calendar keeps its department's machines [days].
    """

    least_days: int = 14
    sure_days: int = 28
    idle_average: float = 3.0
    idle_peak: float = 5.0
    idle_memory: float = 10.0
    idle_network: float = 1.0
    processor: float = 70.0
    memory: float = 85.0
    network: float = 300.0
    step: float = 0.5
    sure_step: float = 0.25
    least_share: float = 0.02
    season_days: int = 120


def statistics(usage: Any, *, rows_at_once: int = ROWS_AT_ONCE) -> pd.DataFrame:
    """Hourly use of each resource as a few numbers, added up in the engine part by part.

    Parameters
    ----------
    usage : ibis Table
        As ``helpers.data.usage.open_usage``: resource_id, metric, unit, start, average, maximum [unit], samples [1].
    rows_at_once : int
        Rows whose quantiles are taken together; bounds memory.

    Returns
    -------
    DataFrame
        Index resource_id. For ``cpu`` and ``memory``: `_hours` with a value, `_average` (mean), `_highest` (largest hourly
        average), `_p95`, `_p999`, `_peak` of the hours' maxima [%]. `network` [Mbit/s in the busiest hour], `network_hours`.
        first, last (start of hour); gaps: hours between them without a processor value; odd: values below 0 or missing,
        which are left out; over: values above 100 %, which count as 100; twice: hours that stand twice, of which the larger
        counts.

    Notes
    -----
    A value above 100 % is taken as full, because that keeps a machine large. A value below zero says nothing.
    """
    import pandas as pd

    count = usage.count().to_pyarrow().as_py()
    parts = max(1, -(-count // rows_at_once))
    taken: list[dict[str, Any]] = []
    for part in range(parts):
        some = usage if parts == 1 else usage.filter(usage.resource_id.hash().abs() % parts == part)
        taken += _summed(some)
    frame = pd.DataFrame(taken, columns=_STATISTICS)
    twice = frame.loc[frame["twice"] > 0, "resource_id"].tolist()
    if twice:  # rare: only these are taken again, hour by hour
        once = usage.filter(usage.resource_id.isin(twice))
        once = once.aggregate(
            by=["resource_id", "metric", "unit", "start"],
            average=once.average.max(),
            maximum=once.maximum.max(),
            samples=once.samples.max(),
        )
        again = pd.DataFrame(_summed(once), columns=_STATISTICS).set_index("resource_id")
        again["twice"] = frame.set_index("resource_id")["twice"].reindex(again.index)
        frame = pd.concat([frame.loc[~frame["resource_id"].isin(twice)], again.reset_index()])
    return frame.set_index("resource_id").sort_index()


_STATISTICS = [
    "resource_id", "first", "last", "odd", "over", "twice", "gaps", "network", "network_hours", "disk_hours",
    *(f"{m}_{n}" for m in ("cpu", "memory") for n in ("hours", "average", "highest", "p95", "p999", "peak")),
]  # fmt: skip


def _summed(usage: Any) -> list[dict[str, Any]]:
    percent = usage.unit == "%"
    good = usage.maximum.notnull() & usage.average.notnull() & (usage.average >= 0) & ~usage.maximum.isnan()
    full = usage.mutate(
        maximum=usage.maximum.nullif(float("nan")),
        good=good.fill_null(False),
        high=(percent & (usage.maximum > 100)).fill_null(False),
    )
    full = full.mutate(
        maximum=full.high.ifelse(100.0, full.maximum),
        average=(percent & (full.average > 100)).ifelse(100.0, full.average),
    )
    sums: dict[str, Any] = {
        "first": full.start.min(),
        "last": full.start.max(),
        "odd": (~full.good).sum(),
        "over": full.high.sum(),
        "rows": full.count(where=full.metric == "cpu"),
        "starts": full.start.nunique(where=full.metric == "cpu"),
        "network": (full.maximum * full.samples).max(where=full.metric.isin(NETWORK) & full.good),
        "network_hours": full.count(where=full.metric.isin(NETWORK) & full.good),
        "disk_hours": full.count(where=full.metric.isin(DISK) & full.good),
    }
    for metric in ("cpu", "memory"):
        here = (full.metric == metric) & full.good
        sums |= {
            f"{metric}_hours": full.count(where=here),
            f"{metric}_average": full.average.mean(where=here),
            f"{metric}_highest": full.average.max(where=here),
            f"{metric}_p95": full.maximum.quantile(0.95, where=here),
            f"{metric}_p999": full.maximum.quantile(0.999, where=here),
            f"{metric}_peak": full.maximum.max(where=here),
        }
    rows = full.aggregate(by="resource_id", **sums).to_pyarrow().to_pylist()
    for row in rows:
        span = round((row["last"] - row["first"]).total_seconds() / 3600) + 1
        row["twice"] = row.pop("rows") - row.pop("starts")
        row["gaps"] = max(0, span - row["cpu_hours"])
        row["odd"], row["over"] = row["odd"] or 0, row["over"] or 0
        if row["network"] is not None:  # bytes of a sample, samples an hour
            row["network"] = row["network"] * 8 / 3600 / 1e6
    return rows


def short_hours(usage: Any, limits: Mapping[str, tuple[float, float]]) -> dict[str, tuple[int, int]]:
    """Past hours in which a smaller machine would have been short, and hours looked at.

    Parameters
    ----------
    usage : ibis Table
    limits : mapping
        resource_id -> the most processor and memory that the candidate could carry [% of today's machine].
    """
    import ibis
    import pandas as pd

    if not limits:
        return {}
    asked = ibis.memtable(
        pd.DataFrame(
            [(r, float(c), float(m)) for r, (c, m) in limits.items()],
            columns=["resource_id", "cpu_most", "memory_most"],
        )
    )
    held = usage.filter(usage.metric.isin(["cpu", "memory"])).inner_join(asked, "resource_id")
    most = (held.metric == "cpu").ifelse(held.cpu_most, held.memory_most)
    hours = held.aggregate(by=["resource_id", "start"], short=(held.maximum > most).any())
    found = (
        hours.aggregate(by="resource_id", short=hours.short.sum(), hours=hours.count())
        .to_pyarrow()
        .to_pylist()
    )
    return {r["resource_id"]: (int(r["short"] or 0), int(r["hours"])) for r in found}


def bound(short: int, hours: int) -> float:
    """Upper 95 % bound of the share of short hours (Wilson; Brown, Cai and DasGupta 2001) [1].

    Examples
    --------
    >>> round(bound(0, 2208), 5)
    0.00174
    """
    if not hours:
        return 1.0
    z, p = 1.959964, short / hours
    middle = p + z * z / (2 * hours)
    wide = z * math.sqrt(p * (1 - p) / hours + z * z / (4 * hours * hours))
    return min(1.0, (middle + wide) / (1 + z * z / hours))


@dataclass(frozen=True)
class Machine:
    """One resource that is a machine: its line of charges, its row of the instance table, its price."""

    line: Mapping[str, Any]
    kind: Mapping[str, Any]
    price: Decimal | None  # contracted, an hour, without commitment [currency]

    @property
    def resource_id(self) -> str:
        return str(self.line["resource_id"])

    @property
    def left(self) -> Left:
        plain = CONTEXT.add(_number(self.line["on_demand"]), _number(self.line["spot"]))
        return Left(plain, _number(self.line["covered_contracted"]))


class Prices:
    """What an hour of each machine type costs by contract, as the month's own charges show it."""

    def __init__(self, lines: pd.DataFrame, types: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        sums: dict[tuple[str, str, str], list[Decimal]] = {}
        for line in lines.to_dict("records"):
            found = machine_type(line, types)
            quantity, cost = _number(line["on_demand_quantity"]), _number(line["on_demand_contracted"])
            if found is None or not _hourly(line) or quantity <= 0 or cost <= 0:
                continue
            held = sums.setdefault(
                (line["provider"], line["region"], found["type"]), [Decimal(0), Decimal(0)]
            )
            held[0] += cost
            held[1] += quantity
        self.by_type = {key: ratio(cost, hours) for key, (cost, hours) in sums.items()}
        self.spot = _spot_prices(lines, types)
        self.types = types

    def of(self, provider: str, region: str, kind: Mapping[str, Any]) -> tuple[Decimal | None, str]:
        """Price of an hour, and where it comes from: the charges, or another size of the family in the same region."""
        seen = self.by_type.get((provider, region, kind["type"]))
        if seen is not None:
            return seen, "charges"
        sizes = [
            (abs(self.types[p, t]["vcpu"] - kind["vcpu"]), price, self.types[p, t]["vcpu"])
            for (p, r, t), price in self.by_type.items()
            if p == provider and r == region and self.types[p, t]["family"] == kind["family"]
        ]
        if not sizes:
            return None, ""
        _, price, vcpu = min(sizes, key=lambda s: (s[0], s[2]))
        return ratio(CONTEXT.multiply(price, Decimal(kind["vcpu"])), Decimal(vcpu)), "by size"


def _spot_prices(lines: pd.DataFrame, types: Mapping[Any, Any]) -> dict[tuple[str, str, str], Decimal]:
    """What an hour of each machine type cost as spot, where the month has any."""
    found = {}
    for line in lines.to_dict("records"):
        kind, quantity = machine_type(line, types), _number(line["spot_quantity"])
        if kind is not None and _hourly(line) and quantity > 0:
            found[line["provider"], line["region"], kind["type"]] = ratio(_number(line["spot"]), quantity)
    return found


def machine_type(
    line: Mapping[str, Any], types: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The row of the instance table that a line of charges speaks of: by its details, else by a word of its meter."""
    named = type_name(line)
    provider = _provider(line["provider"])
    if named:
        return types.get((provider, named))
    for text in (line["meter"], line["description"]):
        for word in re.split(r"[\s:/]+", text or ""):
            if (provider, word) in types:
                return types[provider, word]
    return None


def type_name(line: Mapping[str, Any]) -> str:
    """The machine type as the charge names it (``InstanceType`` of SkuPriceDetails); empty where it names none."""
    try:
        return str(json.loads(line["details"] or "{}").get("InstanceType") or "")
    except (ValueError, AttributeError):
        return ""


def typed(instances: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """The instance table by provider and type."""
    return {(r["provider"], r["type"]): r for r in instances.to_dict("records")}


def machines(
    lines: pd.DataFrame, instances: pd.DataFrame
) -> tuple[list[Machine], Prices, list[dict[str, Any]]]:
    """Resources that are machines, prices from the same charges, and machines of a type that nobody knows here."""
    types = typed(instances)
    prices = Prices(lines, types)
    found: dict[str, Machine] = {}
    unknown = []
    for line in lines.to_dict("records"):
        if not _hourly(line):
            continue
        kind = machine_type(line, types)
        if kind is None:
            if type_name(line):
                unknown.append(
                    {
                        "resource_id": line["resource_id"],
                        "name": line["name"] or line["resource_id"],
                        "type": type_name(line),
                        "cost": _number(line["effective"]),
                    }
                )
            continue
        price, _ = prices.of(line["provider"], line["region"], kind)
        if (
            price is None and _number(line["quantity"]) > 0
        ):  # all of it is covered: its own price without the commitment
            price = ratio(_number(line["covered_contracted"]), _number(line["quantity"]))
        one = Machine(line, kind, price)
        before = found.get(one.resource_id)
        if before is None or _number(before.line["effective"]) < _number(line["effective"]):
            found[one.resource_id] = one
    return [found[k] for k in sorted(found)], prices, unknown


def recommend(
    lines: pd.DataFrame,
    statistics: pd.DataFrame | None,
    instances: pd.DataFrame,
    *,
    usage: Any = None,
    schedules: Mapping[str, Any] | None = None,
    calendar: pd.DataFrame | None = None,
    as_of: date | None = None,
    policy: Policy | None = None,
) -> Found:
    """Advice for all machines of a month, several kinds on one machine taken one after another.

    Parameters
    ----------
    lines : DataFrame
        As `helpers.measures.resources.lines`.
    statistics : DataFrame or None
        As `statistics`; None or a machine without a row: nothing is advised from use.
    instances : DataFrame
        As `helpers.data.instances.instances`.
    usage : ibis Table, optional
        The same hourly use; with it the share of short hours is counted, hour by hour.
    schedules : mapping, optional
        resource_id -> `helpers.models.schedules.Plan`: what switching off would save.
    calendar : DataFrame, optional
        Companion table: seasons ahead keep their department's idle-looking machines.
    as_of : date, optional
        Today; default the last day measured.
    policy : Policy, optional

    Returns
    -------
    Found
    """
    policy = policy or Policy()
    fleet, prices, unknown = machines(lines, instances)
    found = Found(unknown=unknown, cost=_total(lines))
    known = {} if statistics is None else statistics.to_dict("index")
    today = as_of or _last_day(known)
    arm = _on_arm(fleet)
    pending: list[tuple[Machine, Mapping[str, Any], Any]] = []
    for one in fleet:
        use = known.get(one.resource_id)
        smaller = _smaller(one, use, prices, policy) if use else None
        pending.append((one, use or {}, smaller))
    limits = {
        one.resource_id: (100 * smaller.factor, 100 * smaller.memory_factor)
        for one, _, smaller in pending
        if smaller is not None
    }
    short = short_hours(usage, limits) if usage is not None else {}
    for one, use, smaller in pending:
        plan = (schedules or {}).get(one.resource_id)
        season = season_ahead(calendar, one.line["department"], today, use, policy)
        _judge(found, one, use, smaller, short.get(one.resource_id), plan, season, prices, arm, policy)
    return found.sort()


@dataclass(frozen=True)
class Smaller:
    """A candidate of the same family: `factor` is its processors over today's, `share` what it saves of the price."""

    kind: Mapping[str, Any]
    factor: float
    memory_factor: float
    share: Decimal
    basis: str


def _smaller(one: Machine, use: Mapping[str, Any], prices: Prices, policy: Policy) -> Smaller | None:
    """The smallest size of the family that carries the 99.9th percentile of the processor and all of the memory."""
    if not use.get("cpu_hours") or one.price is None:
        return None
    now = one.kind
    fits = []
    for (provider, _), kind in prices.types.items():
        same = (
            provider == now["provider"]
            and kind["family"] == now["family"]
            and kind["architecture"] == now["architecture"]
        )
        if not same or kind["vcpu"] >= now["vcpu"]:
            continue
        factor = kind["vcpu"] / now["vcpu"]
        if factor < (policy.sure_step if use["cpu_hours"] >= policy.sure_days * 24 else policy.step):
            continue
        memory = (
            float(kind["memory_gib"] / now["memory_gib"])
            if kind["memory_gib"] and now["memory_gib"]
            else factor
        )
        if use["cpu_p999"] / factor > policy.processor:
            continue
        if use.get("memory_hours") and use["memory_peak"] / memory > policy.memory:
            continue
        if use.get("network_hours") and use["network"] > policy.network * kind["vcpu"]:
            continue
        price, basis = prices.of(one.line["provider"], one.line["region"], kind)
        if price is None:
            price, basis = (
                CONTEXT.multiply(one.price, ratio(Decimal(kind["vcpu"]), Decimal(now["vcpu"]))),
                "by size",
            )
        share = CONTEXT.subtract(Decimal(1), ratio(price, one.price))
        fits.append((price, kind["vcpu"], Smaller(kind, factor, memory, share, basis)))
    if not fits:
        return None
    best = min(fits, key=lambda f: (f[0], f[1]))[2]
    return best if best.share >= Decimal(str(policy.least_share)) else None


def _judge(found, one, use, smaller, short, plan, season, prices, arm, policy) -> None:
    """Everything about one machine, in `advice.ORDER`."""
    line, left = one.line, one.left
    cost = _number(line["effective"])
    days = use.get("cpu_hours", 0) / 24
    said = {
        "resource_id": one.resource_id,
        "name": line["name"] or one.resource_id,
        "provider": line["provider"] or "",
        "service": line["service"] or "",
        "region": line["region"] or "",
        "department": line["department"] or "",
        "owner": line["owner"] or "",
        "now": one.kind["type"],
        "cost": cents(cost),
        "hours": int(use.get("cpu_hours", 0)),
    }
    stays = reserved(line["tags"])
    idle = _idle(one, use, policy)
    if stays and (idle or smaller or plan):
        found.held.append(_held(said, cost, stays))
        smaller = plan = None
    elif season and use.get("cpu_peak", 100) < 2 * policy.idle_peak and not idle and (smaller or plan):
        found.held.append(_held(said, cost, season))
        smaller = plan = None
    missing, measured = _missing(one, use)
    if idle and not stays:
        saved, blocked, left = left.cut(Decimal(1))
        advice = Advice(
            "idle machine", **said, candidate="none", saving=cents(saved), blocked=cents(blocked), basis="removed",
            confidence="high" if days >= policy.sure_days and not missing else "medium",
            why=f"Processor at most {use['cpu_highest']:.1f} % in any hour, {use['cpu_peak']:.1f} % at any moment, "
            f"over {days:.0f} days{_memory_words(use)}.",
            limits=_limits(missing, blocked, use), effort=EFFORT["idle machine"],
        )  # fmt: skip
        (found.advice if days >= policy.least_days else found.possible).append(advice)
        return
    if smaller is not None:
        saved, blocked, after = left.cut(smaller.share)
        factor = smaller.factor
        n_short, n_hours = short or (0, int(use["cpu_hours"]))
        unsure = days < policy.least_days or not use.get("memory_hours")
        advice = Advice(
            "oversized machine", **said, candidate=smaller.kind["type"], saving=cents(saved), blocked=cents(blocked),
            basis=smaller.basis, p95=use["cpu_p95"] / factor, p999=use["cpu_p999"] / factor, peak=use["cpu_peak"] / factor,
            risk=n_short / n_hours if n_hours else None, risk_high=bound(n_short, n_hours),
            confidence="low" if unsure else "high" if days >= policy.sure_days and not missing and not season else "medium",
            why=f"The processor of {smaller.kind['type']} would have been at {use['cpu_p999'] / factor:.0f} % in the busiest "
            f"thousandth of {use['cpu_hours']:,.0f} hours{_measured_words(measured)}.",
            limits=_limits(missing, blocked, use, season, days, policy), effort=EFFORT["oversized machine"],
        )  # fmt: skip
        if unsure:
            found.possible.append(advice)
        elif saved > 0:
            found.advice.append(advice)
            left = after
        else:
            found.possible.append(advice)
    if plan is not None:
        saved, blocked, after = left.cut(plan.share)
        advice = Advice(
            "schedule", **said, candidate=plan.words, saving=cents(saved), blocked=cents(blocked), basis="hours off",
            confidence=plan.confidence, risk=plan.wrong, risk_high=bound(plan.wrong_hours, plan.hours),
            why=plan.why, limits=_limits([], blocked, use), effort=EFFORT["schedule"],
        )  # fmt: skip
        if saved > 0:
            found.advice.append(advice)
            left = after
        else:
            found.possible.append(advice)
    left = _newer(found, one, said, left, prices, policy)
    _arm(found, one, said, left, prices, arm, policy)
    _spot(found, one, said, left, prices, policy)


def _spot(found, one, said, left, prices, policy) -> None:
    """Never counted: the same type runs as spot in the region, and this one's tags or name say that it is no production."""
    price = prices.spot.get((one.line["provider"], one.line["region"], one.kind["type"]))
    words = {str(v).strip().casefold() for v in (one.line["tags"] or {}).values()} | stem(one.line["name"])
    if price is None or one.price is None or _number(one.line["spot"]) > 0 or not words & set(TRIES):
        return
    share = CONTEXT.subtract(Decimal(1), ratio(price, one.price))
    if share < Decimal(str(policy.least_share)) or reserved(one.line["tags"]):
        return
    saved, blocked, _ = left.cut(share)
    found.possible.append(
        Advice(
            "spot", **said, candidate=f"{one.kind['type']} as spot", saving=cents(saved), blocked=cents(blocked), basis="charges",
            confidence="low", effort=EFFORT["spot"],
            why=f"Spot hours of the same type cost {float(share):.0%} less in this month's charges.",
            limits="may be taken away at any moment: only work that can begin again",
        )
    )  # fmt: skip


def _newer(found, one, said, left, prices, policy) -> Left:
    """A later generation of the same line, size and architecture, where its price is seen in the charges."""
    now = one.kind
    later = [
        k
        for k in prices.types.values()
        if k["provider"] == now["provider"] and k["line"] == now["line"] and k["architecture"] == now["architecture"]
        and k["vcpu"] == now["vcpu"] and k["generation"] > now["generation"] and k["gpu"] == now["gpu"]
        and k["burstable"] == now["burstable"] and _enough(k, now)
    ]  # fmt: skip
    if not later or one.price is None:
        return left
    superseded = bool(one.line["legacy"])
    priced = [
        (p, k, b) for k in later for p, b in [prices.of(one.line["provider"], one.line["region"], k)] if p
    ]
    if not priced:
        if superseded:
            found.possible.append(_old(said, later[-1], Decimal(0), Decimal(0), "no price", superseded, one))
        return left
    price, kind, basis = min(priced, key=lambda p: (p[0], p[1]["generation"], p[1]["type"]))
    share = CONTEXT.subtract(Decimal(1), ratio(price, one.price))
    if share < Decimal(str(policy.least_share)):
        # dearer or equal: the newer one does more an hour, which is for its team to measure
        found.possible.append(_old(said, kind, Decimal(0), Decimal(0), basis, superseded, one))
        return left
    saved, blocked, after = left.cut(share)
    advice = _old(said, kind, saved, blocked, basis, superseded, one)
    if saved > 0:
        found.advice.append(advice)
        return after
    found.possible.append(advice)
    return left


def _old(said, kind, saved, blocked, basis, superseded, one) -> Advice:
    price = "no price of it is seen in these charges" if basis == "no price" else ""
    if not price and not saved:
        price = "an hour of it costs as much; what it does more is not measured"
    covered = "a commitment is bound to the machine of today" if one.left.covered > 0 else ""
    return Advice(
        "old generation", **said, candidate=kind["type"], saving=cents(saved), blocked=cents(blocked), basis=basis,
        confidence="medium", effort=EFFORT["old generation"],
        why=f"{one.kind['type']} is {'superseded by its provider' if superseded else 'an earlier generation'}; "
        f"{kind['type']} has the same processors and at least its memory.",
        limits="; ".join(x for x in (price, covered, "drivers and images must be tried") if x),
    )  # fmt: skip


def _arm(found, one, said, left, prices, arm, policy) -> None:
    """The same line on ARM: counted where the same work already runs there, or the provider runs the software."""
    now = one.kind
    if now["architecture"] != "x86_64" or one.price is None:
        return
    twins = [
        (p, k, b)
        for k in prices.types.values()
        if k["provider"] == now["provider"] and k["line"] == now["line"] and k["architecture"] == "arm64"
        and k["vcpu"] == now["vcpu"] and k["generation"] >= now["generation"] and k["gpu"] == now["gpu"] and _enough(k, now)
        for p, b in [prices.of(one.line["provider"], one.line["region"], k)]
        if p
    ]  # fmt: skip
    if not twins:
        return
    price, kind, basis = min(twins, key=lambda t: (t[0], t[1]["type"]))
    share = CONTEXT.subtract(Decimal(1), ratio(price, one.price))
    if share < Decimal(str(policy.least_share)):
        return
    work = stem(one.line["name"], one.line["department"], one.line["account"])
    shown = arm.get(work, "") if work else ""
    managed = now["service"] != "machine"
    saved, blocked, _ = left.cut(share)
    evidence = (
        f"{shown} does the same work on ARM" if shown else "the provider runs the software" if managed else ""
    )
    advice = Advice(
        "ARM", **said, candidate=kind["type"], saving=cents(saved), blocked=cents(blocked), basis=basis,
        confidence="medium" if evidence else "low", effort=EFFORT["ARM"],
        why=f"{kind['type']} costs {float(share):.0%} less an hour" + (f"; {evidence}." if evidence else "."),
        limits="speed on ARM is not measured here" + ("" if evidence else "; nothing shows that its software runs on ARM"),
    )  # fmt: skip
    if not any(a.kind == "idle machine" and a.resource_id == one.resource_id for a in found.advice):
        (found.advice if evidence and saved > 0 else found.possible).append(advice)


def _on_arm(fleet: Sequence[Machine]) -> dict[frozenset[str], str]:
    """What a machine's work is called -> a machine that does it on ARM."""
    found: dict[frozenset[str], str] = {}
    for one in fleet:
        if one.kind["architecture"] == "arm64":
            work = stem(one.line["name"], one.line["department"], one.line["account"])
            if work:
                found.setdefault(work, str(one.line["name"]))
    return found


def _enough(kind: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """At least today's memory, where both are known."""
    return not (kind["memory_gib"] and now["memory_gib"]) or kind["memory_gib"] >= now["memory_gib"]


def _idle(one: Machine, use: Mapping[str, Any], policy: Policy) -> bool:
    """No work in any hour: one busy day in the window, or an application in memory, and it is not idle."""
    if (
        not use.get("cpu_hours")
        or use["cpu_highest"] > policy.idle_average
        or use["cpu_peak"] > policy.idle_peak
    ):
        return False
    if use.get("memory_hours") and use["memory_peak"] > policy.idle_memory:
        return False
    return not (use.get("network_hours") and use["network"] > policy.idle_network * one.kind["vcpu"])


def season_ahead(
    calendar: pd.DataFrame | None,
    department: str | None,
    today: date | None,
    use: Mapping[str, Any],
    policy: Policy,
) -> str:
    """A season of the department that begins soon and that the measured hours do not hold, in words; else empty."""
    if calendar is None or today is None or not department:
        return ""
    for row in calendar.sort_values("start").to_dict("records"):
        scope = [s.strip() for s in str(row["scope"] or "*").split(";")]
        if row["kind"] not in SEASONS or not ({"*", department} & set(scope)):
            continue
        seen = (
            use.get("first") is not None
            and use["first"].date() <= row["end"]
            and use["last"].date() >= row["start"]
        )
        known = row.get("known_on") is None or row["known_on"] != row["known_on"] or row["known_on"] <= today
        if (
            known
            and not seen
            and today <= row["end"]
            and row["start"] <= today + timedelta(days=policy.season_days)
        ):
            return f"{row['name']} begins {row['start']:%Y-%m-%d} and is not in the measured hours"
    return ""


def _missing(one: Machine, use: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """What is not measured, and what is."""
    have = {
        "memory": bool(use.get("memory_hours")),
        "network": bool(use.get("network_hours")),
        "the graphics processor": not one.kind["gpu"],
    }
    return [n for n, there in have.items() if not there], [
        n for n, there in have.items() if there and "graphics" not in n
    ]


def _limits(
    missing: Iterable[str], blocked: Decimal, use: Mapping[str, Any], season: str = "", days=0.0, policy=None
) -> str:
    unknown = [*missing, *([] if use.get("disk_hours") or not use else ["disk"])]
    parts = [f"not measured: {', '.join(unknown)}"] if unknown else []
    if policy is not None and days < policy.least_days:
        parts.append(f"measured for {days:.0f} days only")
    if season:
        parts.append(season)
    if blocked > 0:
        parts.append("what a commitment covers is saved only when it ends")
    if use.get("gaps"):
        parts.append(f"{use['gaps']:,} hours without a value")
    if use.get("over"):
        parts.append(f"{use['over']:,} values above 100 % taken as full")
    if use.get("odd"):
        parts.append(f"{use['odd']:,} values missing or below zero left out")
    if use.get("twice"):
        parts.append(f"{use['twice']:,} hours stood twice, the larger value counts")
    return "; ".join(parts)


def _memory_words(use: Mapping[str, Any]) -> str:
    return f", memory at most {use['memory_peak']:.0f} %" if use.get("memory_hours") else ""


def _measured_words(measured: Sequence[str]) -> str:
    return f"; {' and '.join(measured)} would do as well" if measured else ""


def _held(said: Mapping[str, Any], cost: Decimal, reason: str) -> dict[str, Any]:
    return {"resource_id": said["resource_id"], "name": said["name"], "cost": cents(cost), "reason": reason}


def _hourly(line: Mapping[str, Any]) -> bool:
    return str(line["unit"] or "").casefold() in HOURS_UNITS


def _number(value: Any) -> Decimal:
    return Decimal(0) if value is None or value != value else Decimal(value)


def _total(lines: pd.DataFrame) -> Decimal:
    from helpers.terms.money import total

    return total(_number(v) for v in lines["effective"])


def _last_day(known: Mapping[str, Mapping[str, Any]]) -> date | None:
    return max((u["last"].date() for u in known.values()), default=None)


def _provider(name: str | None) -> str:
    text = (name or "").casefold()
    for word, known in (
        ("amazon", "AWS"),
        ("aws", "AWS"),
        ("azure", "Microsoft"),
        ("microsoft", "Microsoft"),
        ("google", "Google"),
    ):
        if word in text:
            return known
    return name or ""
