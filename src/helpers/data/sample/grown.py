"""The same company grown: as many divisions as the scale says, each once, twice or three times as large as the first.

A division has accounts, resources and commitments of its own. Sizes are whole numbers, so every product and sum that holds in
the first division holds in each: use × price = cost, amortisation = purchases, invoices = charges, to the last digit.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from helpers.data.sample.streams import Streams
from helpers.terms import focus

if TYPE_CHECKING:
    from helpers.data.sample.world import World

OWN = (
    "ResourceId",
    "ResourceName",
    "SubAccountId",
    "SubAccountName",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
)
PRICES = ("UnitPrice",)
MEMORY = "900MB"


def sizes(streams: Streams, scale: int) -> list[int]:
    """How large each division is; the first is 1."""
    return [1, *(streams.chosen([1, 1, 2, 3], "division", k) for k in range(1, scale))]


def grow(path: Path, names: list[str], world: World, scale: int) -> int:
    """Replace a month's Parquet file by that of all divisions, streamed; how many rows it has."""
    import duckdb

    columns = focus.all_columns()
    shown = []
    for name in names:
        kind = columns[name].kind if name in columns else "text"
        cell = f'"{name}"'
        if name in OWN:
            shown.append(f"CASE WHEN k = 0 THEN {cell} ELSE {cell} || '-d' || k END AS {cell}")
        elif kind == "decimal" and not name.endswith(PRICES):
            shown.append(f"CAST({cell} * size AS DECIMAL(38, 18)) AS {cell}")
        else:
            shown.append(cell)
    target = path.with_suffix(".grown")
    with duckdb.connect() as con:
        con.execute(f"SET memory_limit = '{MEMORY}'")
        con.execute("SET preserve_insertion_order = false")
        con.execute("SET TimeZone = 'UTC'")
        con.execute("CREATE TABLE divisions (k INTEGER, size INTEGER)")
        con.execute(
            "INSERT INTO divisions SELECT unnest(?), unnest(?)",
            [list(range(scale)), sizes(world.streams, scale)],
        )
        con.execute(
            f"COPY (SELECT {', '.join(shown)} FROM divisions, read_parquet(?)) TO '{_text(target)}' "
            "(FORMAT parquet, COMPRESSION zstd)",
            [str(path)],
        )
        rows = con.execute("SELECT count(*) FROM read_parquet(?)", [str(target)]).fetchall()[0][0]
    target.replace(path)
    return rows


def _text(path: Path) -> str:
    return str(path).replace("'", "''")
