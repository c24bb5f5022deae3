"""What is planted in the company: each thing with its place, time, price, the responsibility it teaches, and a good answer.

Nothing that computes for users may read this: only tests, benchmarks and facilitators do.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

from helpers.data.sample import companions, later
from helpers.data.sample.charges import EXACT, commitment_id, quantity
from helpers.data.sample.habits import plain
from helpers.data.sample.identity import identified
from helpers.data.sample.ledger import Ledger
from helpers.data.sample.world import FIRST, OPEN, World, table
from helpers.terms.period import Month, parse_day

CENT = Decimal("0.01")
RECENT = tuple(OPEN.plus(-n) for n in (3, 2, 1))  # closed months over which a monthly cost is the mean
BASIS = {
    "monthly": "month",
    "unused": "month",
    "overspent": "month",
    "forecast": "month",
    "split": "month",
    "margin": "month",
    "lapse": "month",
    "licence": "month",
    "budget": "month",
    "contract": "term",
}


@dataclass(frozen=True)
class Record:
    """One planted thing; `cost` of leaving it and `value` of mending it [currency], a month, a term or in all (`basis`)."""

    id: str
    kind: str
    scope: dict[str, str]
    start: str
    end: str
    cost: Decimal | None
    value: Decimal | None
    currency: str
    basis: str
    responsibility: str
    title: str
    answer: str

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        amounts = {
            k: None if v is None else plain(v) for k, v in (("cost", self.cost), ("value", self.value))
        }
        return self.__dict__ | amounts


def records(world: World, ledger: Ledger) -> list[Record]:
    """Every planted thing of a company, priced from its charges.

    Parameters
    ----------
    ledger : Ledger
        All charges of the whole story.
    """
    kinds = {r["kind"]: r for r in table("kinds")}
    count: Counter[str] = Counter()
    found = []
    price = _Price(world, ledger)
    with localcontext(EXACT):
        for row in table("planted"):
            kind = kinds[row["kind"]]
            count[row["kind"]] += 1
            found.append(price.record(row, kind, count[row["kind"]]))
    return found


def write(folder: Path, world: World, found: list[Record]) -> None:
    """One JSON file a kind in a new folder, and an index with the company's seed."""
    folder.mkdir(parents=True)
    kinds: dict[str, list[Record]] = {}
    for record in found:
        kinds.setdefault(record.kind, []).append(record)
    for kind, some in kinds.items():
        text = json.dumps([r.plain() for r in some], indent=2)
        (folder / f"{kind}.json").write_text(text + "\n", encoding="utf-8")
    index = {
        "seed": str(world.seed),
        "records": len(found),
        "kinds": {k: len(v) for k, v in kinds.items()},
    }
    (folder / "index.json").write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


class _Price:
    def __init__(self, world: World, ledger: Ledger) -> None:
        self.world, self.ledger = world, ledger

    def record(self, row: dict[str, str], kind: dict[str, str], number: int) -> Record:
        scope, _, amount = row["scope"].partition("=")
        cost = self.cost(kind["rule"], scope, amount, row["start"], row["end"])
        if cost is not None:
            cost = (cost * Decimal(kind["share"])).quantize(CENT)
        value = None if cost is None else (cost * Decimal(kind["mend"])).quantize(CENT)
        name = self.name(scope)
        start = row["start"] or self.began(scope)
        words = {
            "name": name,
            "start": start,
            "end": row["end"],
            "owner": self.owner(scope),
            "answer": row["answer"],
        }
        return Record(
            f"{row['kind']}-{number}",
            row["kind"],
            self.place(scope),
            start,
            row["end"],
            cost,
            value,
            self.currency(scope),
            BASIS.get(kind["rule"], "once"),
            row["responsibility"] or kind["responsibility"],
            kind["title"].format(**words),
            kind["answer"].format(**words),
        )

    # --- what a scope is

    def place(self, scope: str) -> dict[str, str]:
        """Where to look, in the words of the charges."""
        world = self.world
        if scope in world.resources:
            one = world.resources[scope]
            found = identified(world, one)
            if found["ResourceId"]:
                return {"ResourceId": found["ResourceId"]}
            return {"SubAccountName": world.accounts[one.account]["name"], "SkuId": found["SkuId"]}
        if scope in world.commitments:
            return {"CommitmentDiscountId": commitment_id(world, world.commitments[scope])}
        if scope in world.accounts:
            return {"SubAccountName": world.accounts[scope]["name"]}
        export, _, month = scope.partition(":")
        if export in world.exports:
            found = {"BillingAccountId": world.exports[export].billing_id}
            return found | ({"x_KitPeriod": month} if month else {})
        if scope in {r["department"] for r in table("teams")}:
            return {"x_KitDepartment": scope}
        return {"name": scope}

    def name(self, scope: str) -> str:
        world = self.world
        if scope in world.resources:
            return world.resources[scope].shown
        if scope in world.commitments:
            return world.commitments[scope].name
        contract = next((c for c in table("contracts") if c["id"] == scope), None)
        if contract:
            return f"{contract['subject']} ({contract['vendor']})"
        export, _, month = scope.partition(":")
        if export in world.exports:
            one = world.exports[export]
            return f"{one.provider} {one.billing_name}" + (f" {month}" if month else "")
        return world.accounts[scope]["name"] if scope in world.accounts else scope

    def began(self, scope: str) -> str:
        world = self.world
        if scope in world.resources:
            first = world.resources[scope].first
            return str(first) if first > FIRST.start.date() else ""
        return str(world.commitments[scope].start) if scope in world.commitments else ""

    def owner(self, scope: str) -> str:
        one = self.world.resources.get(scope)
        return (self.world.owner(one.team, OPEN.start.date()) if one else "") or "its account's owner"

    def currency(self, scope: str) -> str:
        world = self.world
        if scope in world.resources:
            return world.exports[world.export_of(world.resources[scope])].currency
        if scope in world.commitments:
            return world.exports[world.commitments[scope].export].currency
        contract = next((c for c in table("contracts") if c["id"] == scope), None)
        if contract:
            return contract["currency"]
        if scope in world.accounts:
            return world.exports[world.accounts[scope]["export"]].currency
        export = scope.partition(":")[0]
        return (
            world.exports[export].currency
            if export in world.exports
            else "EUR"
            if scope == "Documents"
            else "USD"
        )

    # --- what it costs

    def cost(self, rule: str, scope: str, amount: str, start: str, end: str) -> Decimal | None:
        """Cost of leaving a thing as it is."""
        match rule:
            case "none":
                return None
            case "amount":
                return Decimal(amount)
            case "monthly":
                return self.mean(self.ledger.effective, scope)
            case "unused":
                return self.mean(self.ledger.unused, scope)
            case "sum":
                return sum((v for (n, _), v in self.ledger.effective.items() if n == scope), Decimal(0))
            case "window" | "untagged":
                return self.within(scope, start, end)
            case "excess":
                return self.excess(scope)
            case "discount":
                return sum((self.ledger.listed[scope, m] for m in _months(start, end)), Decimal(0)) * Decimal(
                    "0.06"
                )
            case "invoice":
                export, _, month = scope.partition(":")
                return self.ledger.invoices[export, Month.parse(month)].total
            case "lapse":
                c = self.world.commitments[scope]
                paid = self.world.discount(c.export, self.world.resources[c.resources[0]], c.end)
                return c.amount * 30 * (paid / c.rate - 1)
            case "twonumbers":
                c = self.world.commitments[scope]
                return c.amount * ((c.end - c.start).days - 28) * self.unit_price(scope)
            case "overspent":
                return max(self.mean(self.ledger.departments, scope) - self.budget(scope), Decimal(0))
            case "budget":
                return self.budget(scope)
            case "forecast":
                rows = companions.tables(self.world, self.ledger)["forecasts.csv"][1:]
                over = [
                    Decimal(r[3]) - self.ledger.departments[scope, Month.parse(r[1])]
                    for r in rows
                    if r[2] == scope and Month.parse(r[1]) in RECENT
                ]
                return sum(over, Decimal(0)) / len(over)
            case "split":
                return self.split(scope)
            case "margin":
                rows = companions.tables(self.world, self.ledger)["drivers.csv"][1:]
                recent = {str(m) for m in RECENT}
                days = [Decimal(r[3]) for r in rows if r[1:3] == (scope, "revenue") and r[0][:7] in recent]
                earned = sum(days, Decimal(0))
                return self.mean(self.ledger.effective, "gcp-fernhill") - earned / len(RECENT)
            case "licence":
                seats, price = later.unused_seats(self.world)[scope]
                return seats * price
            case "contract":
                row = next(c for c in table("contracts") if c["id"] == scope)
                return Decimal(row["commitment_amount"])
        raise ValueError(rule)

    def names(self, scope: str) -> set[str]:
        """Resources of a scope: one, or all of an account, or all of an export."""
        world = self.world
        if scope in world.accounts and scope not in world.resources:
            return {n for n, r in world.resources.items() if r.account == scope}
        if scope in world.exports:
            return {n for n, r in world.resources.items() if world.export_of(r) == scope}
        return {scope}

    def mean(self, sums: dict[tuple[str, Month], Decimal], scope: str) -> Decimal:
        """Mean of the last closed months in which there was something."""
        names = self.names(scope)
        months: dict[Month, Decimal] = {}
        for (name, month), value in sums.items():
            if name in names and month < OPEN:
                months[month] = months.get(month, Decimal(0)) + value
        last = sorted(m for m, v in months.items() if v)[-3:]
        return sum((months[m] for m in last), Decimal(0)) / max(1, len(last))

    def within(self, scope: str, start: str, end: str) -> Decimal:
        names, months = self.names(scope), set(_months(start, end))
        return sum(
            (v for (n, m), v in self.ledger.effective.items() if n in names and m in months), Decimal(0)
        )

    def excess(self, scope: str) -> Decimal:
        """What use above the usual cost, from the first jump to the second."""
        one = self.world.resources[scope]
        (since, factor), (until, _) = one.jumps
        export, day, found = self.world.export_of(one), since, Decimal(0)
        while day < until:
            paid = self.world.price(one.sku, day) * self.world.discount(export, one, day)
            found += quantity(self.world, one, day) * paid * (1 - 1 / factor)
            day += timedelta(days=1)
        return found

    def unit_price(self, commitment: str) -> Decimal:
        c = self.world.commitments[commitment]
        return self.world.price(self.world.resources[c.resources[0]].sku, c.start) * c.rate

    def budget(self, department: str) -> Decimal:
        rows = companions.tables(self.world, self.ledger)["budgets.csv"][1:]
        recent = {str(m) for m in RECENT}
        found = [Decimal(r[2]) for r in rows if r[1] == department and r[0] in recent]
        return sum(found, Decimal(0)) / len(found)

    def split(self, rule: str) -> Decimal:
        """What Growth pays by the rule above its part by the departments' own cost."""
        shared = {"network": ("egress",), "observability": ("lume-hosts", "lume-logs")}[rule]
        rows = [r for r in table("shared_cost_rules") if r["rule"] == rule]
        whole = sum((self.mean(self.ledger.effective, n) for n in shared), Decimal(0))
        departments = [r["department"] for r in rows]
        own = {d: self.mean(self.ledger.departments, d) for d in departments}
        mine = next(r for r in rows if r["department"] == "Growth")
        paid = Decimal(mine["share"] or 1) if mine["share"] else Decimal(1) / len(rows)
        return whole * (paid - own["Growth"] / sum(own.values()))


def _months(start: str, end: str) -> list[Month]:
    month, last = Month.of(parse_day(start)), Month.of(parse_day(end))
    found = []
    while month <= last:
        found.append(month)
        month = month.plus(1)
    return found
