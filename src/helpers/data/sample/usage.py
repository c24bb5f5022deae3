"""Hourly use of machines in the last 92 days: processor, memory, network; what idles and what is busy, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from helpers.data.sample.identity import identified
from helpers.data.sample.world import OPEN, OPEN_DAYS, Resource, World

DAYS = 92
END = OPEN.start + timedelta(days=OPEN_DAYS)
ZONES = {"us": "America/New_York", "ap": "Australia/Sydney", "eu": "Europe/Berlin"}
COLUMNS = ("resource_id", "metric", "unit", "start", "average", "maximum", "samples")
DRILL = datetime(2026, 9, 12, tzinfo=UTC).date()
# Percent of the processors in an hour: (night, day, weekend day) by kind of load
LEVELS = {
    "idle": (1, 2, 1),
    "low": (6, 13, 8),
    "flat": (38, 42, 39),
    "web": (22, 58, 44),
    "db": (19, 46, 30),
    "batch": (78, 14, 40),
    "dev": (3, 28, 3),
    "office": (1, 34, 1),
    "hot": (74, 88, 86),
    "full": (98, 98, 98),
    "monthend": (1, 1, 1),
    "drill": (0, 0, 0),
    "nightshift": (66, 3, 60),
    "seasonal": (2, 4, 3),
}


def rows(world: World, one: Resource) -> Iterator[tuple[str, str, str, datetime, float, float, int]]:
    """Hours of one resource in `COLUMNS`; percent and bytes at two places."""
    resource_id = identified(world, one)["ResourceId"]
    zone = ZoneInfo(ZONES.get(one.region[:2], "Europe/Berlin"))
    start = max(END - timedelta(days=DAYS), datetime.combine(one.first, datetime.min.time(), UTC))
    hour = start
    while hour < END and hour.date() < one.last:
        cpu = _processor(world, one, hour, hour.astimezone(zone))
        memory = min(9_500, 2_200 + cpu // 3 + 3_000 * (one.load in ("db", "flat", "web", "hot")))
        if one.load in ("idle", "drill"):
            memory = 410 + cpu // 10
        peak = min(10_000, cpu + cpu * world.streams.between(8, 45, "peak", one.name, hour) // 100)
        bytes_in = cpu * one.sku.cores * world.streams.between(38_000, 42_000, "net", one.name, hour)
        yield resource_id, "cpu", "%", hour, cpu / 100, peak / 100, 12
        yield resource_id, "memory", "%", hour, memory / 100, min(9_800, memory + 250) / 100, 12
        yield resource_id, "network_in", "bytes", hour, float(bytes_in), float(bytes_in * 2), 12
        hour += timedelta(hours=1)


def _processor(world: World, one: Resource, hour: datetime, local: datetime) -> int:
    """Hundredths of a percent of the processors in an hour."""
    night, day, weekend = LEVELS[one.load]
    awake = 8 <= local.hour < 19
    level = weekend if awake and local.weekday() >= 5 else day if awake else night
    if one.load == "web":  # rises and falls through the day
        level = night + (level - night) * (12 - abs(local.hour - 14)) // 12 if local.hour > 2 else night
    if one.load == "monthend" and (local.day <= 3 or local.day >= 29):
        level = 71
    if one.load == "drill" and local.date() == DRILL and awake:
        level = 63
    if one.load in ("web", "db"):
        level = int(level * world.season(one.team, local.date()))
    return max(10, min(9_950, level * 100 * world.streams.wobble(90_000, "cpu", one.name, hour) // 1_000_000))


def watched(world: World) -> list[Resource]:
    """The resources whose use is measured: machines, databases, caches."""
    return [
        r
        for r in world.resources.values()
        if r.load in LEVELS and r.sku.cores and r.last > (END - timedelta(days=DAYS)).date()
    ]


def write(world: World, folder: Path) -> list[Path]:
    """One Parquet file a month, and a manifest that dates the delivery."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    months: dict[str, list[list[Any]]] = {}
    for one in watched(world):
        for row in rows(world, one):
            columns = months.setdefault(f"{row[3]:%Y-%m}", [[] for _ in COLUMNS])
            for column, value in zip(columns, row, strict=True):
                column.append(value)
    text, number = pa.string(), pa.float64()
    types = (text, text, text, pa.timestamp("us", "UTC"), number, number, pa.int64())
    written = []
    for month, columns in sorted(months.items()):
        arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
        path = folder / f"utilisation-{month}.parquet"
        pq.write_table(pa.table(arrays, names=list(COLUMNS)), path, compression="zstd")
        written.append(path)
    manifest = {"source": "usage", "delivered": str(END.date()), "periods": [], "files": []}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return written
