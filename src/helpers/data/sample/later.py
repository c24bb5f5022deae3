"""Tables that only later notebooks read, each from streams of its own: licences, assets, pools, levels, changes, findings.

They come with their truth already, so that their notebook changes nothing here; no loader reads them yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from helpers.data.sample.habits import plain
from helpers.data.sample.identity import identified
from helpers.data.sample.world import OPEN, World, table

Rows = list[Sequence[str]]


def tables(world: World) -> dict[str, Rows]:
    """File name → header and rows."""
    return {
        "licences.csv": _licences(world),
        "assets.csv": _assets(world),
        "pools.csv": _pools(world),
        "service_levels.csv": _levels(),
        "changes.csv": _changes(world),
        "findings.csv": _findings(world),
        "actions.csv": _actions(world),
    }


def unused_seats(world: World) -> dict[str, tuple[int, Decimal]]:
    """Product → seats that nobody uses, price of a seat and month [USD]."""
    found = {}
    for row in table("licences"):
        spread = int(row["unused"]) and world.streams.between(-4, 4, "licences", row["product"])
        found[row["product"]] = int(row["unused"]) + spread, Decimal(row["price"])
    return found


def _licences(world: World) -> Rows:
    found: Rows = [
        ("product", "vendor", "seat", "department", "price", "currency", "assigned", "last_sign_in")
    ]
    today = OPEN.start.date()
    for row in table("licences"):
        idle, _ = unused_seats(world)[row["product"]]
        for n in range(int(row["seats"])):
            ago = world.streams.between(*((95, 400) if n < idle else (0, 40)), "licences", row["product"], n)
            code = world.streams.word(8, "seat", row["product"], n)
            last = str(today - timedelta(days=ago))
            found.append(
                (
                    row["product"],
                    row["vendor"],
                    code,
                    row["department"],
                    row["price"],
                    row["currency"],
                    "yes",
                    last,
                )
            )
    return [found[0], *sorted(found[1:], key=lambda r: (r[0], r[2]))]


def _assets(world: World) -> Rows:
    """The inventory: every resource but those planted as unknown."""
    unknown = {
        r["scope"]
        for r in table("planted")
        if r["kind"] in ("unknown-asset", "crypto-miner", "protocol-broken")
    }
    found: Rows = [("asset_id", "name", "kind", "owner", "since", "status")]
    for one in world.resources.values():
        asset = identified(world, one)["ResourceId"]
        if one.name in unknown or not asset:
            continue
        state = "retired" if one.last <= OPEN.start.date() else "in use"
        owner = world.owner(one.team, OPEN.start.date())
        found.append(
            (asset, one.shown, one.sku.resource_type or one.sku.service, owner, str(one.first), state)
        )
    return found


def _pools(world: World) -> Rows:
    found: Rows = [("pool", "site", "month", "capacity", "used", "unit", "cost", "currency")]
    for pool, site, capacity, unit, cost in (
        ("virtual machines", "Cologne", 640, "vCPU", 21400),
        ("storage", "Cologne", 420, "TB", 9800),
        ("warehouse terminals", "Gdansk", 85, "devices", 1900),
    ):
        for n in range(12):
            month = OPEN.plus(n - 12)
            used = capacity * world.streams.between(46, 58, "pools", pool, month) // 100
            found.append((pool, site, str(month), str(capacity), str(used), unit, f"{cost}.00", "USD"))
    return found


def _levels() -> Rows:
    found: Rows = [("service", "month", "promised", "measured", "tier")]
    for service, tier, promised in (
        ("Checkout", "gold", "99.95"),
        ("Search", "bronze", "99.5"),
        ("Documents", "silver", "99.8"),
    ):
        for n in range(12):
            month = OPEN.plus(n - 12)
            measured = "98.79" if service == "Search" and str(month) == "2026-07" else "99.97"
            found.append((service, str(month), promised, measured, tier))
    return found


def _changes(world: World) -> Rows:
    found: Rows = [("change", "day", "service", "risk", "result", "incident", "minutes_down")]
    for n in range(60):
        day = OPEN.start.date() - timedelta(days=world.streams.between(1, 300, "changes", n))
        service = world.streams.chosen(
            ["Checkout", "Search", "Documents", "Assistant"], "changes", n, "service"
        )
        found.append((f"CHG-{2000 + n}", str(day), service, "low", "done", "", "0"))
    found.append(("CHG-1999", "2026-07-14", "Search", "high", "rolled back", "INC-311", "540"))
    return [found[0], *sorted(found[1:], key=lambda r: (r[1], r[0]))]


def _findings(world: World) -> Rows:
    found: Rows = [("finding", "day", "resource_id", "control", "severity", "status")]
    for number, (name, day, control, severity) in enumerate(
        (
            ("open-bucket", "2026-07-19", "storage must not be public", "high"),
            ("miner", "2026-08-23", "use in a region that policy does not allow", "critical"),
            ("dirty-1", "2025-02-03", "use in a region that policy does not allow", "medium"),
            ("search-logs-kept", "2026-01-12", "personal data is deleted after 13 months", "medium"),
            ("orders-db-57", "2025-03-02", "software must be supported", "medium"),
        )
    ):
        resource = identified(world, world.resources[name])["ResourceId"]
        found.append((f"FND-{100 + number}", day, resource, control, severity, "open"))
    return found


def _actions(world: World) -> Rows:
    found: Rows = [
        ("action", "opened", "resource_id", "owner", "promised_a_month", "currency", "status", "closed")
    ]
    for name, owner, promised, status, closed in (
        ("cold-1", "Lars Holm", 470, "done", "2026-06-01"),
        ("big-4", "Mei Tanaka", 500, "done", "2026-06-01"),
        ("lb-2", "", 45, "open", ""),
        ("old-3", "Ana Ruiz", 130, "open", ""),
    ):
        resource = identified(world, world.resources[name])["ResourceId"]
        found.append(
            ("rightsize", "2026-04-02", resource, owner, plain(Decimal(promised)), "USD", status, closed)
        )
    return found
