"""Everything the product notebook asks about its run, each answer taken once: tables handed to measures and models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any

from helpers.catalog.results import found
from helpers.measures import (
    ai,
    change,
    customers,
    drivers,
    haste,
    portfolio,
    products,
    unit_change,
    unit_economics,
)
from helpers.models import bets, targets, trend, unit_cost
from helpers.terms.errors import UsageError
from helpers.terms.money import CONTEXT, NAN, ratio, shown
from helpers.terms.period import Month

MONTHS = 13
BUSY = 0.95  # percentile of hours that is called busy
ZERO, ONE = Decimal(0), Decimal(1)
NUMBERS = {portfolio.SCALE: 1, portfolio.HOLD: 2, portfolio.MEND: 3, portfolio.LEAVE: 4}


@dataclass
class Economics:
    """Products of one run.

    Parameters
    ----------
    run : Run
    """

    run: Any

    # --- tables

    @cached_property
    def products(self) -> Any:
        """products.csv; an empty table where there is none."""
        import pandas as pd

        held = self.run.table("products")
        columns = ["row", "product", "feature", "work", "match_on", "match_value"]
        return pd.DataFrame(columns=columns, dtype=object) if held is None else held

    @cached_property
    def plans(self) -> Any:
        return self.run.table("product_plans")

    @cached_property
    def drivers(self) -> drivers.Drivers:
        return drivers.Drivers(self.run.table("drivers"))

    @cached_property
    def months(self) -> list[Month]:
        """Thirteen, this one last."""
        return [self.run.month.plus(n + 1 - MONTHS) for n in range(MONTHS)]

    @cached_property
    def days(self) -> int | None:
        """Days that an open month's charges cover; None for a month that is over."""
        return change.days_covered(self.run.charges, self.run.month) if self.run.open else None

    # --- numbers

    @cached_property
    def costs(self) -> Any:
        return products.costs(self.run.charges, self.products, self.months)

    @cached_property
    def monthly(self) -> Any:
        """Unit cost, revenue and margin of every product and month (`unit_economics.monthly`)."""
        return unit_economics.monthly(self.costs, self.drivers, self.plans, self.months, days=self.days)

    @cached_property
    def now(self) -> Any:
        """The same of this month, the dearest first."""
        return unit_economics.of_month(self.monthly, self.run.month)

    @property
    def missing(self) -> str:
        """What the page cannot show for want of a table, as one sentence; empty where all is there."""
        wanted = {"products": "which charges belong to which product", "drivers": "what the business did",
                  "product_plans": "units, targets and the cost of leaving"}  # fmt: skip
        lacking = [f"{n}.csv says {what}" for n, what in wanted.items() if self.run.table(n) is None]
        return f"Not in the store yet: {'; '.join(lacking)}." if lacking else ""

    def history(self, name: str, column: str, closed: bool = False) -> list[Decimal | None]:
        values = unit_economics.history(self.monthly, name, column, self.months)
        return values[:-1] if closed and self.run.open else values

    @cached_property
    def trends(self) -> dict[str, dict[str, trend.Trend]]:
        """Product → trends of units, unit cost and cost over closed months."""
        return {
            name: {c: trend.trend(self.history(name, c, closed=True)) for c in ("units", "unit_cost", "cost")}
            for name in self.now["product"]
        }

    @cached_property
    def fits(self) -> dict[str, unit_cost.Fit]:
        """Product → fixed and variable part of its run cost, in the unit of its plan."""
        found = {}
        days = products.daily(self.run.charges, self.products, self.months)
        last = (
            self.run.month.start.date() + timedelta(days=self.days - 1)
            if self.days
            else self.run.month.end.date() - timedelta(days=1)
        )
        for r in self.now.to_dict("records"):
            if r["driver"]:
                volume = {
                    d: CONTEXT.divide(v, r["per"])
                    for d, v in self.drivers.daily(r["product"], r["driver"]).items()
                }
                cost = days.get((r["product"], r["currency"]), {})
                found[r["product"]] = unit_cost.fit(unit_cost.weekly(cost, volume, last))
        return found

    @cached_property
    def loads(self) -> dict[str, Decimal]:
        """Product → processor use in the busy hours of its machines [ratio]; only what is measured."""
        usage = self.run.usage
        if usage is None:
            return {}
        owned = products.resources(self.run.charges, self.products, self.run.month)
        hours = usage.filter(
            usage.metric == "cpu", usage.unit == "%", usage.resource_id.isin(list(owned) or [""])
        )
        hours = hours.filter((hours.average >= 0) & (hours.average <= 100))
        named = hours.mutate(product=hours.resource_id.cases(*owned.items(), else_=None)) if owned else hours
        if not owned:
            return {}
        by_hour = named.aggregate(by=[named.product, named.start], load=named.average.mean())
        busy = (
            by_hour.aggregate(by=[by_hour.product], load=by_hour.load.quantile(BUSY)).to_pyarrow().to_pylist()
        )
        return {r["product"]: Decimal(repr(round(r["load"] / 100, 6))) for r in busy}

    def _break_even(self, row: Mapping[str, Any]) -> str:
        """Units of a month at which revenue pays for fixed and variable cost, for people.

        Empty where revenue is not known or the weeks show no fixed or no variable part.
        """
        fit = self.fits.get(row["product"])
        per_unit, fixed = (fit.per_unit, fit.fixed) if fit else (None, None)
        if row["revenue"].is_nan() or not per_unit or not fixed or min(per_unit, fixed) <= 0:
            return ""
        month = CONTEXT.multiply(fixed, Decimal(self.days or self.run.month.days))
        units, why = unit_economics.break_even(ratio(row["revenue"], row["units"]), per_unit, month)
        return "at no volume" if why else f"{CONTEXT.multiply(units, row['per']):,.0f} {row['driver']}"

    def sheet(self, horizon: str = "") -> Any:
        """The rule sheet: scale, hold, mend or decommission (`portfolio.sheet`); horizon in months."""
        import pandas as pd

        months = _whole(horizon, 24, "horizon", 1, 120)
        lines = []
        for r in self.now.to_dict("records"):
            t = self.trends[r["product"]]
            lines.append(
                {
                    c: r[c]
                    for c in ("product", "currency", "cost", "revenue", "contribution", "margin", "unit_cost")
                }
                | {
                    "demand": t["units"].rate,
                    "demand_falls": t["units"].falls,
                    "demand_rises": t["units"].rises,
                    "unit_cost_trend": t["unit_cost"].rate,
                    "unit_cost_rises": t["unit_cost"].rises,
                    "cost_trend": t["cost"].rate,
                    "load": self.loads.get(r["product"]),
                    "break_even": self._break_even(r),
                }
            )
        columns = [
            "product", "currency", "cost", "revenue", "contribution", "margin", "unit_cost", "demand", "demand_falls",
            "demand_rises", "unit_cost_trend", "unit_cost_rises", "cost_trend", "load", "break_even",
        ]  # fmt: skip
        frame = pd.DataFrame(lines, columns=columns, dtype=object)
        return portfolio.sheet(frame, self.plans, portfolio.Rules(horizon=months))

    def panels(self) -> list[dict[str, Any]]:
        """Unit cost of each product by month, with target and trends, as `views.charts_products.unit_costs` takes it."""
        months = [str(m) for m in self.months]
        return [
            {n: r[n] for n in ("product", "currency", "driver", "per", "target")}
            | {
                "history": list(zip(months, self.history(r["product"], "unit_cost"), strict=True)),
                "rate": self.trends[r["product"]]["unit_cost"].rate,
                "rises": self.trends[r["product"]]["unit_cost"].rises,
                "falls": self.trends[r["product"]]["units"].falls,
            }
            for r in self.now.to_dict("records")
        ]

    def split(self, name: str = "") -> str:
        """The product whose fixed and variable part the page shows: the one asked for, else the dearest that has both."""
        if name:
            return self.chosen(name)
        known = [n for n, f in self.fits.items() if f.known and not f.reason]
        return known[0] if known else next(iter(self.fits), "")

    # --- change of a unit cost

    @cached_property
    def watched(self) -> str:
        """The product whose unit cost rises most against its own trend's noise; else the dearest that has one."""
        rising = [
            (t["unit_cost"].rate, name)
            for name, t in self.trends.items()
            if t["unit_cost"].rises and not t["units"].falls
        ]
        if rising:
            return max(rising)[1]
        known = [r["product"] for r in self.now.to_dict("records") if not r["unit_cost"].is_nan()]
        return known[0] if known else ""

    def chosen(self, name: str) -> str:
        """A product asked for by name, checked; empty: `watched`."""
        known = list(self.now["product"])
        if name and name not in known:
            raise UsageError(
                f"no product {name[:80]!r}", f"one of {', '.join(known) or 'none'}", "leave it empty"
            )
        return name or self.watched

    def driver_of(self, name: str) -> dict[str, Any]:
        return next((r for r in self.now.to_dict("records") if r["product"] == name), {})

    def bridge(self, name: str, back: int = 12) -> Any:
        """Why a product's unit cost moved since the month `back` months ago, or since its first month."""
        row = self.driver_of(name)
        known = [
            m for m, v in zip(self.months, self.history(name, "unit_cost"), strict=True) if v is not None
        ]
        before = max(
            [m for m in known if m <= self.run.month.plus(-back)] or known[:1], default=self.run.month
        )
        return self._bridge(
            [name], before, row.get("per", ONE), row.get("driver", ""), row.get("currency", "")
        )

    def family(self, driver: str = "") -> list[str]:
        """Products that count the same thing in this run's currency: the group in which most products earn."""
        rows = [r for r in self.now.to_dict("records") if r["currency"] == self.run.currency and r["driver"]]
        groups: dict[str, list[str]] = {}
        for r in rows:
            groups.setdefault(r["driver"], []).append(r["product"])
        earning = {
            d: sum(not self.driver_of(n)["revenue"].is_nan() for n in names) for d, names in groups.items()
        }
        chosen = [driver] if driver in groups else sorted(groups, key=lambda d: (-earning[d], d))[:1]
        return groups[chosen[0]] if chosen else []

    @property
    def family_name(self) -> str:
        """The family in words."""
        names = self.family()
        return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names) or "no product"

    def family_bridge(self, back: int = 1) -> Any:
        """Why the unit cost of all products that count the same thing moved: mix between them included."""
        names = self.family()
        driver = self.driver_of(names[0])["driver"] if names else ""
        return self._bridge(names, self.run.month.plus(-back), ONE, driver, self.run.currency)

    def _bridge(self, names: Sequence[str], before: Month, per: Decimal, driver: str, currency: str) -> Any:
        months = [before, self.run.month]
        volumes = {}
        for n in names:
            for m in months:
                cut = self.days if m == self.run.month else None
                value = self.drivers.month(n, driver, m, cut).value
                volumes[n, m] = value if value.is_nan() else CONTEXT.divide(value, per)
        old, new = unit_change.sides(self.run.charges, self.products, volumes, months, currency=currency)
        fixed = {
            n: f.fixed_share for n, f in self.fits.items() if n in names and f.fixed_share and not f.reason
        }
        attrs = {"month": str(months[1]), "previous": str(before), "currency": currency, "driver": driver, "per": per,
                 "products": list(names), "fixed": fixed}  # fmt: skip
        return unit_change.split(old, new, fixed, attrs=attrs)

    # --- shared cost, customers, AI, haste, bets, designs

    @cached_property
    def pool(self) -> dict[str, Decimal]:
        return products.pool(
            self.run.charges, self.run.table("shared_cost_rules"), self.run.month, self.run.currency
        )

    def shared(self) -> Any:
        """Run cost by product without and with shared cost, by three methods [currency]; one row for no product."""
        import pandas as pd

        rules, month, money = self.run.table("shared_cost_rules"), self.run.month, self.run.currency
        own = {r["product"]: r["cost"] for r in self.now.to_dict("records") if r["currency"] == money}
        found = {m: products.shared(self.costs, self.pool, rules, month, money, m) for m in products.METHODS}
        names = [
            *own,
            *([products.NO_PRODUCT] if any(products.NO_PRODUCT in f for f in found.values()) else []),
        ]
        lines = [
            {"product": n, "own": own.get(n, ZERO)} | {m: f.get(n, ZERO) for m, f in found.items()}
            for n in names
        ]
        return pd.DataFrame(lines, columns=["product", "own", *products.METHODS], dtype=object)

    @cached_property
    def customer_product(self) -> str:
        """The product whose customers are known and that loses most; else the one with most revenue."""
        held = self.run.table("customers")
        known = set() if held is None else set(held["product"][held["month"] == str(self.run.month)])
        rows = [
            r for r in self.now.to_dict("records") if r["product"] in known and not r["contribution"].is_nan()
        ]
        return min(rows, key=lambda r: r["contribution"])["product"] if rows else ""

    def customers(self, by: str = "customer") -> Any:
        row = self.driver_of(self.customer_product)
        return customers.margins(
            self.run.table("customers"), self.customer_product, self.run.month,
            row.get("cost", ZERO), row.get("currency", ""), by,
        )  # fmt: skip

    @cached_property
    def models(self) -> Any:
        return ai.models(self.run.charges, self.products, self.run.month)

    @cached_property
    def haste(self) -> Any:
        return haste.found(self.run.charges, self.run.table("calendar"), self.run.month)

    @cached_property
    def bets(self) -> list[bets.Bet]:
        held = self.run.table("bets")
        return [] if held is None else bets.read(held.to_dict("records"), self.run.currency)

    def plan(self, budget: str = "", more: str = "") -> dict[str, Any]:
        """What a budget buys, what the next money would, and the list of bets."""
        import pandas as pd

        money, next_money = _money(budget, "10000", "budget"), _money(more, "10000", "next")
        taken = bets.best(self.bets, money)
        added, come, go = bets.next_money(self.bets, money, next_money)
        lines = []
        for b in sorted(self.bets, key=lambda b: (b not in taken, -b.rate, b.name)):
            chosen = "now" if b in taken else "with more" if b in come else "no"
            lines.append(
                {"bet": b.name, "product": b.product, "cost": b.cost, "expected": b.value, "return": b.rate,
                 "week": b.week, "haste": b.haste, "chosen": chosen}
            )  # fmt: skip
        columns = ["bet", "product", "cost", "expected", "return", "week", "haste", "chosen"]
        return {
            "budget": money, "more": next_money, "taken": taken, "gain": bets.gain(taken), "added": added,
            "come": come, "go": go, "greedy": bets.gain(bets.greedy(self.bets, money)),
            "frame": pd.DataFrame(lines, columns=columns, dtype=object),
        }  # fmt: skip

    def designs(self, confidence: str = "") -> Any:
        """Unit cost of each planned feature: likely, interval, what keeps the confidence, and the chance of its target."""
        import pandas as pd

        held, sure = self.run.table("designs"), _money(confidence, "0.8", "confidence")
        columns = [
            "feature",
            "unit",
            "currency",
            "likely",
            "low",
            "high",
            "kept",
            "target",
            "chance",
            "largest",
            "reason",
        ]
        lines = []
        every = [] if held is None else held.to_dict("records")
        for feature in dict.fromkeys(r["feature"] for r in every):
            rows = [r for r in every if r["feature"] == feature]
            parts = [
                targets.Component(r["component"], r["low"], r["likely"], r["high"], self._prices(r))
                for r in rows
            ]
            aim = next((r["target"] for r in rows if isinstance(r["target"], Decimal)), None)
            free = targets.target(parts, sure)
            held_to = targets.target(parts, sure, given=aim) if aim is not None else free
            largest = max(free.shares, key=lambda s: s[1], default=("", ZERO))[0]
            lines.append(
                dict(zip(columns, (
                    feature, rows[0]["unit"], rows[0]["currency"], free.likely, free.low, free.high, free.target, aim,
                    held_to.confidence if aim is not None and not free.reason else None, largest, free.reason,
                ), strict=True))
            )  # fmt: skip
        return pd.DataFrame(lines, columns=columns, dtype=object)

    def _prices(self, row: Mapping[str, Any]) -> tuple[Decimal, ...]:
        """Effective prices of a design's component in the last six months [currency/unit], oldest first."""
        months = [str(self.run.month.plus(-n)) for n in range(5, -1, -1)]
        return products.prices(self.run.charges, row, months)

    # --- results

    def results(self, sheet: Any, plan: Mapping[str, Any]) -> list[Any]:
        """The notebook's own KPIs: one for each product, and of the whole."""
        numbers: list[dict[str, Any]] = []
        verdicts = {r["product"]: r for r in sheet.to_dict("records")}
        months = [str(m) for m in self.months]
        for r in self.now.to_dict("records"):
            name, scope = r["product"], {"product": r["product"]}
            about = {"scope": self._scope | scope, "currency": r["currency"]}
            t, fit, v = self.trends[name], self.fits.get(name), verdicts[name]
            past = list(zip(months, self.history(name, "unit_cost"), strict=True))
            over = CONTEXT.multiply(CONTEXT.subtract(r["unit_cost"], r["target"]), r["units"])
            unit = f"currency/{_per(r)}"
            sums = {"cost": r["cost"]} | ({} if over.is_nan() else {"over": Decimal(shown(over))})
            numbers.append(about | {
                "kpi": "product-unit-cost", "value": r["unit_cost"], "target": r["target"], "history": past,
                "previous": past[-2][1], "reason": r["reason"], "sums": sums, "unit": unit, "digits": _digits(r["unit_cost"]),
            })  # fmt: skip
            numbers.append(about | {
                "kpi": "product-unit-cost-trend", "value": _sure(t["unit_cost"]), "reason": t["unit_cost"].reason,
                "sums": {"cost": r["cost"], "grown": _grown(r["cost"], t["unit_cost"])},
            })  # fmt: skip
            numbers.append(about | {
                "kpi": "product-demand-trend", "value": _or_nan(t["units"].rate), "reason": t["units"].reason,
            })  # fmt: skip
            numbers.append(about | {
                "kpi": "product-margin", "value": r["margin"], "reason": r["reason"],
                "sums": {} if r["contribution"].is_nan() else {"loss": -r["contribution"], "cost": r["cost"]},
            })  # fmt: skip
            numbers.append(about | {
                "kpi": "product-marginal-cost", "unit": unit, "digits": _digits(r["unit_cost"]), "reason": fit.reason if fit else r["reason"],
                "value": fit.per_unit if fit and fit.known and not fit.reason else NAN,
            })  # fmt: skip
            numbers.append(
                about | {"kpi": "product-leaving", "value": v["leaving"], "sums": {"cost": r["cost"]}}
            )
            numbers.append(about | {
                "kpi": "product-verdict", "value": Decimal(NUMBERS[v["verdict"]]), "sums": {"cost": r["cost"]},
            })  # fmt: skip
        numbers += self._whole(plan)
        return found(numbers, self.run.month)

    def _whole(self, plan: Mapping[str, Any]) -> list[dict[str, Any]]:
        own: list[dict[str, Any]] = []
        for r in self.models.to_dict("records"):
            scope = self._scope | {"product": f"{r['product']} on {r['model']}"}
            sums = {} if r["saving"].is_nan() else {"saving": r["saving"]}
            own.append({"kpi": "product-cache-saving", "scope": scope, "currency": r["currency"],
                        "value": r["saving"], "reason": r["reason"], "sums": sums})  # fmt: skip
        for money in self.run.currencies:
            paid = [r["premium"] for r in self.haste.to_dict("records") if r["currency"] == money]
            known = [p for p in paid if not p.is_nan()]
            own.append({"kpi": "haste-premium", "scope": self._scope, "currency": money,
                        "value": sum(known, ZERO) if known else NAN})  # fmt: skip
        own.append({"kpi": "bets-next", "scope": self._scope, "currency": self.run.currency,
                    "value": plan["added"] if self.bets else NAN})  # fmt: skip
        return own

    @property
    def _scope(self) -> dict[str, str]:
        return {n: self.run.chosen[n] for n in ("provider", "department") if self.run.chosen[n]}

    def decide(self, kpis: Sequence[Any]) -> list[Any]:
        """The playbook's actions, currency by currency, the page's own first: amounts are never compared across them."""
        order = [self.run.currency, *(c for c in self.run.currencies if c != self.run.currency)]
        fired: list[Any] = []
        for money in order:
            mine = [k for k in kpis if k.currency == money or (k.currency is None and money == order[0])]
            fired += self.run.playbook.decide(mine, as_of=self.run.as_of, currency=money) if mine else []
        return fired


def _per(r: Mapping[str, Any]) -> str:
    one = (r["driver"] or "unit").removesuffix("s")
    return one if r["per"] == 1 else f"{r['per']:,f}".rstrip("0").rstrip(".") + f" {r['driver']}"


def _digits(value: Decimal) -> int:
    """Places that show three figures."""
    return 4 if value.is_nan() or not value else max(0, 2 - value.adjusted())


def _sure(t: trend.Trend) -> Decimal:
    """The trend where it is surely above zero, else 0: a rule must not fire on noise."""
    return NAN if t.rate is None else t.rate if t.rises else ZERO


def _or_nan(value: Decimal | None) -> Decimal:
    return NAN if value is None else value


def _grown(cost: Decimal, t: trend.Trend) -> Decimal:
    """What a year of the trend added to a month's cost [currency]."""
    if t.rate is None or not t.rises:
        return ZERO
    return Decimal(shown(CONTEXT.subtract(cost, ratio(cost, CONTEXT.power(1 + t.rate, 12)))))


def _money(text: str, missing: str, name: str) -> Decimal:
    try:
        value = Decimal(text or missing)
    except ArithmeticError:
        value = NAN
    if value.is_nan() or value < 0:
        raise UsageError(f"{name} {text!r}", "an amount such as 10000", "leave it empty for the default")
    return value


def _whole(text: str, missing: int, name: str, low: int, high: int) -> int:
    if not text:
        return missing
    if not text.isdigit() or not low <= int(text) <= high:
        raise UsageError(
            f"{name} {text!r}", f"a whole number from {low} to {high}", "leave it empty for the default"
        )
    return int(text)
