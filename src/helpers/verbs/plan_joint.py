"""``finops plan joint`` and ``finops plan schedule``: use less and commit, planned together, on the store or on files."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from helpers.terms.errors import BadInput, UsageError
from helpers.verbs.options import emit_in_order, reading

NEEDED = {
    "loads": ("id", "pool", "hourly"),
    "held": ("id", "pool", "worth", "price", "months"),
    "offers": ("instrument", "pool", "rate"),
}


@click.command()
@reading
@click.option("--month", default="", metavar="YYYY-MM", help="Month of the store that is planned from; default: the last that is closed.")  # fmt: skip
@click.option("--provider", default="", help="Only this provider.")
@click.option("--department", default="", help="Only this department.")
@click.option("--currency", default="", help="BillingCurrency; default: the one with most charges.")
@click.option("--base", default="", help="Share of the trough that is bought, 0 to 1; default 1.")
@click.option("--aggressive", default="", help="From the trough (0) towards the usual level (1); default 0.")
@click.option(
    "--decline", default="", help="Share of demand that must be absorbed; default 0.1 (on files 0)."
)
@click.option("--months", default=12, show_default=True, help="Horizon of a plan on files.")
@click.option(
    "--most", default=None, type=float, help="On files: cap on what may be bought [currency an hour]."
)
@click.option("--loads", type=click.Path(exists=True, dir_okay=False), help="CSV instead of a store: id, pool, hourly; may have name, type, schedule, zone, smaller, effort.")  # fmt: skip
@click.option("--held", type=click.Path(exists=True, dir_okay=False), help="CSV of commitments of today: id, pool, worth, price, months; may have type.")  # fmt: skip
@click.option("--offers", type=click.Path(exists=True, dir_okay=False), help="CSV of what can be bought: instrument, pool, rate; may have type, term.")  # fmt: skip
def joint(data: str, as_of: Any, as_json: str, month: str, provider: str, department: str, currency: str, base: str, aggressive: str, decline: str, months: int, most: float | None, loads: str | None, held: str | None, offers: str | None) -> None:  # fmt: skip
    """Schedules and sizes, and commitments on what remains: what each order of planning loses."""
    from helpers.models import joint as model

    if loads:
        problem = from_files(loads, held, offers, months=months, decline=decline, most=most)
        found, unit = model.orders(problem), ""
    elif held or offers:
        raise UsageError("--held or --offers without --loads", "the resources that run, or a store", "give --loads FILE, or --data STORE")  # fmt: skip
    else:
        from helpers.catalog.procurement import Procurement
        from helpers.runs import begin

        own = {"base": base, "aggressive": aggressive, "decline": decline}
        run = begin("procurement_commitments", data=data, month=month, as_of=str(as_of or ""), provider=provider, department=department, currency=currency, **own)  # fmt: skip
        page = Procurement(run)
        problem, found, unit = page.problem, page.orders, f" {run.currency}"
    if problem.horizon_note:
        click.echo(problem.horizon_note, err=True)
    names = dict(model.ORDERS)
    for o in found:
        lost = f", loses {o.loses:,.2f}" if o.loses else ""
        click.echo(f"{names[o.order]:34} {o.cost:>16,.2f}{unit} in {problem.months} months{lost}")
    best = next(o for o in found if o.order == "joint")
    click.echo(f"{len(best.chosen)} ways to use less, {len(best.bought)} purchases")
    if as_json:
        emit_in_order(record(problem, found), as_json)


@click.command()
@reading
@click.option(
    "--month", default="", metavar="YYYY-MM", help="Month of the store; default: the last that is closed."
)
@click.option("--provider", default="", help="Only this provider.")
@click.option("--department", default="", help="Only this department.")
@click.option("--keep", default="", help="Names or ids that must never be off, separated by ;.")
@click.option("--usage", type=click.Path(exists=True, dir_okay=False), help="CSV instead of a store: resource_id, start (UTC), average, maximum [percent].")  # fmt: skip
@click.option("--zone", default="UTC", show_default=True, help="With --usage: time zone of all resources.")
def schedule(data: str, as_of: Any, as_json: str, month: str, provider: str, department: str, keep: str, usage: str | None, zone: str) -> None:  # fmt: skip
    """When machines may be off, learned from hourly use; on a store also what that saves net of commitments."""
    rows = of_usage(usage, zone, keep) if usage else of_store(data, month, as_of, provider, department, keep)
    for r in rows:
        net = "" if r["net"] is None else f", saves {r['net']:,.2f} of {r['gross']:,.2f} a month now"
        wait = f", the rest from {r['until']}" if r["until"] else ""
        click.echo(f"{r['name']}: on {r['week']} {r['zone']}{net}{wait}")
    click.echo(f"{len(rows)} schedule{'s' if len(rows) != 1 else ''}")
    if as_json:
        emit_in_order(rows, as_json)


def of_store(
    data: str, month: str, as_of: Any, provider: str, department: str, keep: str
) -> list[dict[str, Any]]:
    """Schedules of a store's month with their gross and net saving."""
    from helpers.catalog.procurement import Procurement
    from helpers.runs import begin

    run = begin("procurement_commitments", data=data, month=month, as_of=str(as_of or ""), provider=provider, department=department, keep=keep)  # fmt: skip
    page = Procurement(run)
    saved = {r["resource_id"]: r for r in page.schedules.to_dict("records") if r["kind"] == "schedule"}
    rows = []
    for id, plan in sorted(page.review.plans.items()):
        s = saved.get(id)
        rows.append(_row(id, plan) | {"gross": s["gross"] if s else None, "net": s["net"] if s else None, "until": s["until"] if s else None})  # fmt: skip
    return rows


def of_usage(file: str, zone: str, keep: str) -> list[dict[str, Any]]:
    """Schedules learned from a file of hourly use."""
    import ibis
    import pyarrow as pa

    from helpers.models import schedules

    lines = _read(file, ("resource_id", "start", "average", "maximum"))
    table = pa.table(
        {
            "resource_id": [r["resource_id"] for _, r in lines],
            "metric": ["cpu"] * len(lines),
            "start": [_moment(file, n, r["start"]) for n, r in lines],
            "average": [_float(file, n, "average", r["average"]) for n, r in lines],
            "maximum": [_float(file, n, "maximum", r["maximum"]) for n, r in lines],
        }
    )
    names = sorted(set(table.column("resource_id").to_pylist()))
    found = schedules.learn(
        ibis.memtable(table), {n: {"name": n, "zone": zone, "country": ""} for n in names}
    )
    found = schedules.never_off(found, [k.strip() for k in keep.split(";") if k.strip()])
    return [
        _row(id, plan) | {"gross": None, "net": None, "until": None} for id, plan in sorted(found.items())
    ]


def _row(id: str, plan: Any) -> dict[str, Any]:
    return {
        "resource_id": id, "name": plan.name, "week": plan.week.text, "zone": plan.week.zone, "off": plan.share,
        "hours": plan.hours, "used_while_off": plan.wrong_hours, "starts_a_day": round(plan.starts, 2), "confidence": plan.confidence,
    }  # fmt: skip


def record(problem: Any, found: list[Any]) -> dict[str, Any]:
    """The orders as plain data: anybody can recompute their cost."""
    names = {x.id: x.name for x in problem.loads}
    return {
        "months": problem.months,
        "note": problem.horizon_note,
        "orders": [
            {
                "order": o.order, "cost": o.cost, "loses": o.loses,
                "less": [{"resource": i, "name": names.get(i, i), "kind": w.kind, "what": w.words, "kept": round(sum(w.keep) / len(w.keep), 6)} for i, w in sorted(o.chosen.items())],
                "purchases": [
                    {"instrument": b.instrument, "pool": b.pool, "type": b.type, "covers_an_hour": round(float(b.worth), 6),
                     "price_an_hour": round(float(b.price), 6), "begins_in_months": round(float(b.month), 3), "term": b.term}
                    for b in o.bought
                ],
            }
            for o in found
        ],
    }  # fmt: skip


def from_files(loads: str, held: str | None, offers: str | None, *, months: int = 12, decline: str = "", most: float | None = None) -> Any:  # fmt: skip
    """A problem from CSV files.

    Raises
    ------
    BadInput
        A column that is missing, a number that is none, a commitment of a pool in which nothing runs.
    """
    from helpers.models import joint as model

    some = []
    for n, r in _read(loads, NEEDED["loads"]):
        hourly = _float(loads, n, "hourly", r["hourly"], least=0.0)
        some.append(model.Load(r["id"], r.get("name") or r["id"], r["pool"], r.get("type") or "", hourly, tuple(_options(loads, n, r))))  # fmt: skip
    pools = {x.pool for x in some}
    have = []
    for n, r in _read(held, NEEDED["held"]) if held else []:
        if r["pool"] not in pools:
            raise BadInput(f"pool {r['pool']!r}, in which nothing runs", f"one of {', '.join(sorted(pools))}", "correct the pool, or add what runs in it", file=held, row=n, column="pool")  # fmt: skip
        numbers = {c: _float(held, n, c, r[c], least=0.0) for c in ("worth", "price", "months")}
        have.append(model.Held(r["id"], r["pool"], r.get("type") or "", **numbers))
    sold = []
    for n, r in _read(offers, NEEDED["offers"]) if offers else []:
        rate = _float(offers, n, "rate", r["rate"])
        if not 0 < rate < 1:
            raise BadInput(f"rate {r['rate']!r}", "a share of the on-demand price between 0 and 1", "write it like 0.7", file=offers, row=n, column="rate")  # fmt: skip
        sold.append(model.Offer(r["instrument"], r["pool"], r.get("type") or "", rate, int(_float(offers, n, "term", r.get("term") or "12", least=1.0))))  # fmt: skip
    share = _float("--decline", 0, "decline", decline, least=0.0) if decline else 0.0
    return model.Problem(tuple(some), tuple(have), tuple(sold), months, share, most)


def _options(file: str, n: int, r: Mapping[str, str]) -> list[Any]:
    from helpers.models import joint as model
    from helpers.terms.week import Week

    effort = _float(file, n, "effort", r.get("effort") or "0", least=0.0)
    found = []
    if r.get("smaller"):
        share = _float(file, n, "smaller", r["smaller"], least=0.0)
        found.append(
            model.Option("smaller", (min(share, 1.0),) * model.HOURS, effort, f"{share:.0%} of today's size")
        )
    if r.get("schedule"):
        from datetime import date

        week = Week.parse(r["schedule"], r.get("zone") or "UTC")
        found.append(model.Option("schedule", model.of_week(week, date(2026, 1, 5)), effort, week.words))
    if len(found) == 2:
        found.append(model.both(*found))
    return found


def _read(file: str | None, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    assert file is not None
    with Path(file).open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        missing = [c for c in needed if c not in (reader.fieldnames or [])]
        if missing:
            raise BadInput(
                f"columns {', '.join(reader.fieldnames or []) or '(none)'}", f"also {', '.join(missing)}", "add the columns",
                file=file, row=1, column=missing[0],
            )  # fmt: skip
        return [(n, {k: (v or "").strip() for k, v in row.items() if k}) for n, row in enumerate(reader, 2)]


def _float(file: str | None, row: int, column: str, text: str, least: float | None = None) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if value != value or value in (float("inf"), float("-inf")) or (least is not None and value < least):
        needed = "a number" + (f" from {least:g} on" if least is not None else "")
        raise BadInput(f"{text!r}", needed, "correct the cell", file=file, row=row or None, column=column)
    return value


def _moment(file: str, row: int, text: str) -> Any:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadInput(f"{text!r}", "a moment in UTC", "write it like 2026-09-01T00:00:00Z", file=file, row=row, column="start") from None  # fmt: skip
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
