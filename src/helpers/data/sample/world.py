"""The company as its tables under ``company/`` say it, with the sizes, names and days that a seed gives it."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from helpers.data.sample.streams import Streams
from helpers.terms.period import Month, parse_day

COMPANY = "Larkspur"
TABLES = Path(__file__).parent / "company"
FIRST, OPEN = Month(2024, 10), Month(2026, 10)  # 25 months, the last one open
OPEN_DAYS = 4  # of it, in the last delivery
SEED = 20260901
NEVER = date(2100, 1, 1)


def table(name: str) -> list[dict[str, str]]:
    """Rows of one of the company's tables."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Sku:
    """What can be bought: one meter of one service; `price` is the list price of one unit [USD]."""

    sku: str
    provider: str
    service: str
    category: str
    subcategory: str
    meter: str
    unit: str
    price: Decimal
    instance: str
    cores: int
    memory: int
    resource_type: str


@dataclass(frozen=True)
class Export:
    """One source of charges: a billing account, its seller, currency and file form."""

    export: str
    provider: str
    billing_id: str
    billing_name: str
    billing_type: str
    currency: str
    issuer: str
    publisher: str
    file: str
    first: Month

    def version(self, month: Month) -> str:
        """FOCUS version in which this month is delivered."""
        rows = [r for r in table("versions") if r["export"] == self.export and r["from"] <= str(month)]
        return rows[-1]["version"]


@dataclass(frozen=True)
class Resource:
    """What runs: `quantity` units a day at the start of the story, growing by `growth` a month.

    On Saturdays and Sundays it falls to `weekend` of itself. `jumps` are days from which use is multiplied for good.
    """

    name: str
    shown: str
    account: str
    sku: Sku
    quantity: Decimal
    region: str
    team: str
    env: str
    style: str
    growth: Decimal
    weekend: Decimal
    load: str
    first: date
    last: date  # the first day on which it is gone
    jumps: tuple[tuple[date, Decimal], ...]

    @property
    def steady(self) -> bool:
        """Whether it runs the same every day, as a machine does that is never switched off."""
        return not self.growth and self.weekend == 1 and not self.jumps


@dataclass(frozen=True)
class Commitment:
    """A commitment discount: `amount` a day, in money (`spend`) or in units (`usage`), at `rate` of the list price."""

    id: str
    export: str
    kind: str
    name: str
    category: str
    type: str
    unit: str
    resources: tuple[str, ...]
    eligible: tuple[str, ...]
    amount: Decimal
    rate: Decimal
    upfront: bool
    start: date
    end: date  # the first day after it
    contract: str


@dataclass
class World:
    """The whole company of one seed.

    Parameters
    ----------
    seed : int
    """

    seed: int = SEED
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        self.streams = Streams(self.seed)

    @cached_property
    def skus(self) -> dict[str, Sku]:
        return {r["sku"]: _sku(r) for r in table("skus")}

    @cached_property
    def exports(self) -> dict[str, Export]:
        return {r["export"]: _export(r) for r in table("exports")}

    @cached_property
    def accounts(self) -> dict[str, dict[str, str]]:
        return {r["account"]: r for r in table("accounts")}

    @cached_property
    def resources(self) -> dict[str, Resource]:
        return {r["name"]: self._resource(r) for r in table("resources")}

    @cached_property
    def commitments(self) -> dict[str, Commitment]:
        return {c.id: self._sized(c) for c in map(_commitment, table("commitments"))}

    def export_of(self, resource: Resource) -> str:
        """The export in which a resource is billed."""
        return self.accounts[resource.account]["export"]

    def owner(self, team: str, day: date) -> str:
        """Who owns a team's things on a day."""
        for row in table("teams"):
            if (
                row["team"] == team
                and row["owner_from"] <= str(day)
                and (not row["owner_to"] or str(day) <= row["owner_to"])
            ):
                return row["owner"]
        return ""

    def season(self, team: str, day: date) -> Decimal:
        """By how much a team's use differs from an ordinary day: seasons, holidays, outages."""
        return self._seasons.get((team, day), self._seasons.get(("*", day), Decimal(1)))

    @cached_property
    def _seasons(self) -> dict[tuple[str, date], Decimal]:
        found: dict[tuple[str, date], Decimal] = {}
        for row in table("calendar"):
            factor = Decimal(row["factor"])
            if factor == 1:
                continue
            day, end = parse_day(row["start"]), parse_day(row["end"])
            while day <= end:
                for team in row["scope"].split(";"):
                    found[team, day] = found.get((team, day), Decimal(1)) * factor
                day += timedelta(days=1)
        return found

    @cached_property
    def _prices(self) -> dict[str, list[tuple[date, Decimal]]]:
        found: dict[str, list[tuple[date, Decimal]]] = {}
        for row in table("prices"):
            found.setdefault(row["sku"], []).append((parse_day(row["from"]), Decimal(row["factor"])))
        return found

    def price(self, sku: Sku, day: date) -> Decimal:
        """List price of one unit on a day [USD]."""
        price = sku.price
        for since, factor in self._prices.get(sku.sku, ()):
            price *= factor if day >= since else 1
        return price

    @cached_property
    def rates(self) -> dict[Month, Decimal]:
        """USD for one EUR, by month."""
        return {Month.parse(r["month"]): Decimal(r["rate"]) for r in table("exchange_rates")}

    def discount(self, export: str, resource: Resource, day: date) -> Decimal:
        """What of the list price is paid for this resource on a day, by the contract as the bill applies it."""
        if resource.style == "spot":
            return Decimal("0.31")
        if resource.sku.sku == "seats":
            return Decimal(1)
        factor = Decimal(1)
        for row in self._discounts:
            if (
                row["export"] == export
                and row["resource"] in ("", resource.name)
                and row["from"] <= str(day) <= (row["to"] or "9")
            ):
                factor = Decimal(row["factor"])
        return factor

    @cached_property
    def _discounts(self) -> list[dict[str, str]]:
        return table("discounts")

    def _resource(self, row: dict[str, str]) -> Resource:
        name = row["name"]
        sku = self.skus[row["sku"]]
        first = self._moved(row["first"], name, "first") or FIRST.start.date()
        last = parse_day(row["last"]) if row["last"] else NEVER
        jumps = tuple(
            (parse_day(day), Decimal(factor))
            for day, factor in (j.split(":") for j in row["jumps"].split(";") if j)
        )
        one = Resource(
            name,
            row["shown"].replace("{h}", self.streams.word(4, "name", name)),
            row["account"],
            sku,
            Decimal(row["quantity"]),
            row["region"],
            row["team"],
            row["env"],
            row["style"],
            Decimal(row["growth"]),
            Decimal(row["weekend"]),
            row["load"],
            first,
            last,
            jumps,
        )
        factor = self.streams.share("0.9", "1.1", "size", name)
        if not one.steady:
            return replace(one, quantity=one.quantity * factor)
        if sku.unit in ("Hours", "vCPU-Hours"):  # whole machines, day and night
            whole = max(1, int((one.quantity / 24 * factor).to_integral_value()))
            return replace(one, quantity=Decimal(24 * whole))
        return replace(one, quantity=(one.quantity * factor).to_integral_value())

    def _sized(self, one: Commitment) -> Commitment:
        """A commitment that grows with the resources that it was bought for."""
        names = one.resources
        rows = {r["name"]: Decimal(r["quantity"]) for r in table("resources") if r["name"] in names}
        factor = sum((self.resources[n].quantity for n in names), Decimal(0)) / sum(rows.values(), Decimal(0))
        return replace(one, amount=(one.amount * factor).quantize(Decimal("0.01")))

    def _moved(self, day: str, *names: str) -> date | None:
        """A day of the tables, up to six days earlier or later by the seed; the first day of the story stays."""
        if not day:
            return None
        moved = parse_day(day)
        if moved.day > 7 and moved.day < 22:
            moved += timedelta(days=self.streams.between(-6, 6, *names))
        return moved


def _sku(row: dict[str, str]) -> Sku:
    typed = {
        "price": Decimal(row["price"]),
        "cores": int(row["cores"]),
        "memory": int(row["memory"]),
    }
    given: dict[str, Any] = row | typed
    return Sku(**given)


def _export(row: dict[str, str]) -> Export:
    given: dict[str, Any] = row | {"first": Month.parse(row["first"])}
    return Export(**given)


def _commitment(row: dict[str, str]) -> Commitment:
    return Commitment(
        row["id"],
        row["export"],
        row["kind"],
        row["name"],
        row["category"],
        row["type"],
        row["unit"],
        tuple(row["resources"].split(";")),
        tuple(row["eligible"].split(";")),
        Decimal(row["amount"]),
        Decimal(row["rate"]),
        row["payment"] == "all",
        parse_day(row["start"]),
        parse_day(row["end"]),
        row["contract"],
    )
