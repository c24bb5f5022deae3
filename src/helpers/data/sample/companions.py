"""The company's own tables, as its people keep them: owners, budgets, drivers, contracts, calendar, invoices."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from helpers.data.sample.habits import plain
from helpers.data.sample.ledger import Ledger
from helpers.data.sample.world import FIRST, OPEN, World, table
from helpers.terms.money import foot
from helpers.terms.period import Month

DELIVERED = date(2026, 10, 5)
TEAM = "tag:team|Team| team"
MAPPED = "2026-03-01"  # from when Fernhill's squads are mapped to the company's teams
COST = Decimal("0.01")


def tables(
    world: World, ledger: Ledger, first: Month = FIRST, size: int = 1
) -> dict[str, list[Sequence[str]]]:
    """File name → header and rows.

    Parameters
    ----------
    ledger : Ledger
        Totals of the charges, for invoices.
    size : int
        How many times the company is as large: budgets and drivers grow with it.
    """
    months = [first.plus(n) for n in range(40) if first.plus(n) <= OPEN]
    return {
        "allocation.csv": _allocation(),
        "tag_policy.csv": [
            ("tag_key", "allowed_values"),
            ("team|Team| team", "|".join(sorted({t["team"] for t in table("teams")} | {"search", "data"}))),
            ("env", "prod|staging|dev|test"),
        ],
        "invoices.csv": [
            ("issuer", "period", "currency", "total", "invoice_id"),
            *(
                (i.issuer, str(i.month), i.currency, plain(i.total), i.id)
                for i in ledger.invoices.values()
                if i.month < OPEN
            ),
        ],
        "sources.csv": [
            ("source", "provider", "note"),
            *((e.export, e.provider, e.billing_type) for e in world.exports.values()),
            ("github-larkspur", "several vendors", "card statements, no FOCUS export asked for yet"),
        ],
        "budgets.csv": _budgets(months, size),
        "forecasts.csv": _forecasts(ledger, months),
        "drivers.csv": _drivers(world, months, size),
        "contracts.csv": _picked("contracts", drop=("id", "provider")),
        "teams.csv": [
            ("team", "department", "cost_centre", "owner", "owner_from", "owner_to", "purpose"),
            *(tuple(r.values())[:7] for r in table("teams")),
        ],
        "shared_cost_rules.csv": _picked("shared_cost_rules"),
        "exchange_rates.csv": _rates(world, months),
        "calendar.csv": _picked("calendar", drop=("factor",)),
        "tag_mapping.csv": [
            ("key", "value", "to_key", "to_value", "valid_from", "valid_to"),
            ("squad", "documents", "team", "Fernhill", MAPPED, ""),
            ("squad", "render", "team", "Fernhill", MAPPED, ""),
            ("stage", "live", "env", "prod", MAPPED, ""),
            ("stage", "try", "env", "test", MAPPED, ""),
        ],
        **_products(world, months, size),
    }


def _picked(name: str, drop: Iterable[str] = ()) -> list[Sequence[str]]:
    rows = table(name)
    kept = [c for c in rows[0] if c not in drop]
    return [tuple(kept), *(tuple(r[c] for c in kept) for r in rows)]


def _allocation() -> list[Sequence[str]]:
    head = ("match_on", "match_value", "owner", "department", "shared", "valid_from", "valid_to")
    found: list[Sequence[str]] = [head]
    for row in table("teams"):
        spellings = {row["team"]: None, row["team"].lower(): None}
        for value in spellings:
            found.append(
                (
                    TEAM,
                    value,
                    row["owner"],
                    row["department"],
                    "",
                    *_valid(row["owner_from"], row["owner_to"]),
                )
            )
    for value in ("documents", "render"):
        found.append(("tag:squad", value, "Tom Weaver", "Fernhill", "", MAPPED, ""))
    found.append(("tag:CostCenter", "CC-900", "Ines Falk", "Finance", "", "", ""))
    accounts = {
        "checkout-prod": "Checkout",
        "search-prod": "Search",
        "platform-shared": "Platform",
        "data-lake": "Data",
        "assist-prod": "Assist",
        "growth-apps": "Growth",
        "analytics": "Data",
        "erp": "Finance",
        "larkspur": "Platform",
    }
    owners = {r["department"]: r["owner"] for r in table("teams")}
    found += [("SubAccountName", a, owners[d], d, "", "", "") for a, d in accounts.items()]
    found.append(("SubAccountName", "payer", owners["Platform"], "Platform", "undistributed", "", ""))
    return found


def _valid(since: str, until: str) -> tuple[str, str]:
    return (since if since > str(FIRST) else ""), until


def _budgets(months: list[Month], size: int) -> list[Sequence[str]]:
    found: list[Sequence[str]] = [
        ("month", "department", "amount", "currency", "version", "approved_by", "approved_on")
    ]
    for month in months:
        whole = Decimal(0)
        lines = []
        for row in table("budgets"):
            since = Month.parse(row["first"])
            count = (month.year - since.year) * 12 + month.month - since.month
            if row["approved_by"] == "" or (count < 0 and row["department"] == "Assist"):
                continue  # Fernhill came without a budget
            growth = 1 + Decimal(row["growth_percent"]) / 100
            amount = (Decimal(row["amount"]) * growth**count).quantize(Decimal(100)) * size
            version = "2026" if count >= 0 else "2025"
            approved = row["approved_on"] if count >= 0 else "2024-09-20"
            lines.append(
                (str(month), row["department"], plain(amount), "USD", version, row["approved_by"], approved)
            )
            whole += amount
        found.append((str(month), "", plain(whole), "USD", lines[0][4], lines[0][5], lines[0][6]))
        found += lines
    return found


def _forecasts(ledger: Ledger, months: list[Month]) -> list[Sequence[str]]:
    """What finance forecast three months ahead: last quarter's mean, 4 % on top; Growth always 12 % too high."""
    found: list[Sequence[str]] = [("issued", "month", "department", "amount", "currency", "author", "method")]
    for month in months[4:]:
        issued = month.plus(-1).start.date()
        for department in sorted({d for d, _ in ledger.departments}):
            past = [ledger.departments.get((department, month.plus(-n)), Decimal(0)) for n in (2, 3, 4)]
            if not all(past):
                continue
            bias = Decimal("1.12") if department == "Growth" else Decimal("1.04")
            amount = (sum(past, Decimal(0)) / 3 * bias).quantize(Decimal(1))
            words = (
                str(month),
                department,
                plain(amount),
                "USD",
                "Ines Falk",
                "mean of three months plus 4 %",
            )
            found.append((str(issued), *words))
    return found


def _drivers(world: World, months: list[Month], size: int) -> list[Sequence[str]]:
    found: list[Sequence[str]] = [("day", "product", "driver", "value", "unit", "currency")]
    values: dict[tuple[str, str, date], Decimal] = {}
    for row in table("drivers"):
        first = Month.parse(row["first"])
        day = max(first, months[0]).start.date()
        end = OPEN.start.date() + timedelta(days=4)
        while day < end:
            if row["price_of"]:
                value = values[row["product"], row["price_of"], day] * Decimal(row["price"])
                value = value.quantize(COST)
            else:
                count = (day.year - first.year) * 12 + day.month - first.month
                value = size * Decimal(row["start"]) * (1 + Decimal(row["growth"])) ** count
                value *= Decimal(row["weekend"]) if day.weekday() >= 5 else 1
                if row["driver"] != "customers":
                    value *= world.season({"Shop": "Checkout"}.get(row["product"], row["product"]), day)
                    value = (
                        value
                        * world.streams.wobble(20_000, "driver", row["product"], row["driver"], day)
                        / 10**6
                    )
                value = value.quantize(Decimal(1))
            values[row["product"], row["driver"], day] = value
            found.append(
                (str(day), row["product"], row["driver"], plain(value), row["unit"], row["currency"])
            )
            day += timedelta(days=1)
    return found


def _products(world: World, months: list[Month], size: int) -> dict[str, list[Sequence[str]]]:
    """Products, their plans, who uses Documents, and bets; names of resources are those of the seed."""
    named = {name: r.shown for name, r in world.resources.items()}
    products = _picked("products")
    where = products[0].index("match_value")
    filled = [(*row[:where], _named(row[where], named)) for row in products[1:]]
    return {
        "products.csv": [products[0], *filled],
        "product_plans.csv": _picked("product_plans"),
        "customers.csv": _customers(_drivers(world, months, size)),
        "bets.csv": _picked("bets"),
        "designs.csv": _picked("designs"),
        "credits.csv": _picked("credits"),
    }


def _named(text: str, named: dict[str, str]) -> str:
    return named[text[1:-1]] if text.startswith("{") else text


def _customers(drivers: list[Sequence[str]]) -> list[Sequence[str]]:
    """Each customer's part of the documents and of the revenue of a month: both add up to the drivers, to the last digit."""
    found: list[Sequence[str]] = [
        ("month", "product", "customer", "tier", "driver", "value", "revenue", "currency")
    ]
    rows = table("customers")
    used = [Decimal(r["weight"]) for r in rows]
    paying = [Decimal(r["weight"]) * Decimal(r["price_factor"]) for r in rows]
    totals: dict[str, dict[str, Decimal]] = {}
    for day, product, driver, value, _, _ in drivers[1:]:
        if product == "Documents" and driver in ("documents", "revenue"):
            month = totals.setdefault(day[:7], {})
            month[driver] = month.get(driver, Decimal(0)) + Decimal(value)
    for month, sums in sorted(totals.items()):
        documents = foot([sums["documents"] * u / sum(used) for u in used], 0)
        revenue = foot([sums["revenue"] * p / sum(paying) for p in paying], 2)
        for row, number, money in zip(rows, documents, revenue, strict=True):
            head = (month, "Documents", row["customer"], row["tier"], "documents")
            found.append((*head, plain(number), plain(money), "EUR"))
    return found


def _rates(world: World, months: list[Month]) -> list[Sequence[str]]:
    """The table's rate from euros, and the one that bills in euros are made with: its inverse at six places."""
    found: list[Sequence[str]] = [("day", "from_currency", "to_currency", "rate", "source", "published_on")]
    for row in table("exchange_rates"):
        month = Month.parse(row["month"])
        if month not in months:
            continue
        day, rate = str(month.start.date()), Decimal(row["rate"])
        found.append((day, "EUR", "USD", row["rate"], row["source"], row["published_on"]))
        inverse = plain((1 / rate).quantize(Decimal("1E-6")))
        found.append((day, "USD", "EUR", inverse, "rate on Fernhill's invoices", row["published_on"]))
    return found


def write(folder: Path, files: dict[str, list[Sequence[str]]], source: str = "company") -> None:
    """Write the tables and a manifest into a new folder."""
    folder.mkdir(parents=True)
    for name, rows in files.items():
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    manifest: dict[str, Any] = {"source": source, "delivered": str(DELIVERED), "periods": [], "files": []}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
