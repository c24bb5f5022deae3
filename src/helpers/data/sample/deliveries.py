"""The files as they came: folders of deliveries with manifests; a closed month restated, one late, one sent twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from helpers.data.sample import grown, habits
from helpers.data.sample.charges import month_charges
from helpers.data.sample.ledger import Ledger
from helpers.data.sample.world import FIRST, OPEN, OPEN_DAYS, World
from helpers.terms.period import Month

CUT = ("aws-larkspur", Month(2026, 6))  # delivered with whole dollars first, restated afterwards
LATE = ("oci-larkspur", Month(2026, 8))  # missing from the month's delivery, comes three weeks later
BEGUN = Month(2026, 9)  # open in the first delivery


@dataclass(frozen=True)
class Delivery:
    """One delivery of one export: its months, the open one cut after `OPEN_DAYS`."""

    delivered: date
    export: str
    months: tuple[Month, ...]
    open: Month | None = None
    faulty: bool = False
    named: date | None = None  # in the manifest, where it differs: the same delivery sent again

    @property
    def folder(self) -> str:
        return f"{self.delivered}-{self.export}"


def deliveries(world: World, first: Month = FIRST) -> list[Delivery]:
    """Every delivery, in the order in which they came."""
    found = []
    for export in world.exports.values():
        start = max(export.first, first)
        months = [start.plus(n) for n in range(40) if start.plus(n) <= BEGUN]
        months = [m for m in months if (export.export, m) != LATE]
        one = Delivery(date(2026, 9, 5), export.export, tuple(months), BEGUN, True)
        found += [one, Delivery(date(2026, 10, 5), export.export, (BEGUN, OPEN), OPEN)]
        if export.export == "gcp-larkspur":
            found.append(
                Delivery(date(2026, 9, 6), export.export, tuple(months), BEGUN, True, date(2026, 9, 5))
            )
    if first <= CUT[1]:
        found.append(Delivery(date(2026, 9, 18), CUT[0], (CUT[1],)))
    if first <= LATE[1]:
        found.append(Delivery(date(2026, 9, 22), LATE[0], (LATE[1],)))
    return sorted(found, key=lambda d: (d.delivered, d.export))


def write(world: World, to: Path, ledger: Ledger, first: Month = FIRST, scale: int = 1) -> Iterator[Path]:
    """Write every delivery's folder with its manifest; the last word on each month goes into the ledger."""
    every = deliveries(world, first)
    last = {(d.export, m): d for d in every for m in d.months}
    for one in every:
        folder = to / one.folder
        folder.mkdir(parents=True)
        files = [
            _month(world, one, month, folder, ledger if last[one.export, month] is one else None, scale)
            for month in one.months
        ]
        manifest = {
            "source": one.export,
            "delivered": str(one.named or one.delivered),
            "periods": [str(m) for m in one.months],
            "files": files,
        }
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        yield folder


def _month(
    world: World, one: Delivery, month: Month, folder: Path, ledger: Ledger | None, scale: int
) -> dict[str, Any]:
    export = world.exports[one.export]
    names = habits.header(export, export.version(month))
    cut = one.faulty and (one.export, month) == CUT
    rows = []
    for charge in month_charges(world, one.export, month, OPEN_DAYS if month == one.open else None):
        if ledger:
            ledger.add(export, month, charge)
        rows.append(habits.written(world, export, month, charge, cut))
    form = export.file if scale == 1 else "parquet"
    data = (
        habits.as_parquet(names, rows) if form == "parquet" else habits.as_csv(names, rows, form == "csv.gz")
    )
    path = folder / f"{month}.{form}"
    path.write_bytes(data)
    count = len(rows)
    if scale > 1:
        count = grown.grow(path, names, world, scale)
    with path.open("rb") as written:
        found = hashlib.file_digest(written, "sha256").hexdigest()
    return {"path": path.name, "rows": count, "sha256": found}
