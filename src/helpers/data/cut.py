"""A store that holds only some departments' rows: what a viewer of limited rights, or a department's report, is given.

Charges are cut by the department that the rules of today give them, delivery by delivery, so that earlier days can be
asked for as in the whole store. Of the companion tables a row stays if it is known to be about these departments; a
table about which nothing is known here is left out. docs/security.md lists table by table what stays.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any

from helpers.data import allocation, delta, layout, locks, moving, usage, versions
from helpers.data.delivery import SourceFile
from helpers.data.engine import engine, listed, text, unreadable
from helpers.data.history import DeliveryRecord, SliceChange, add_totals
from helpers.data.measured import COLUMNS, ORDER, schema
from helpers.terms.errors import KitError, Refused
from helpers.terms.focus import COSTS
from helpers.terms.money import CONTEXT

NOTE = (
    "cut.json"  # in the store's folder: of whose departments it is, and of which version of the whole store
)
NOTHING = "(none of yours)"  # a value that no tag has, where all allowed ones are others'


def departments(store: Path | str) -> tuple[str, ...] | None:
    """The departments that a store was cut to; None for a whole one."""
    note = Path(store) / NOTE
    return tuple(json.loads(note.read_text("utf-8"))["departments"]) if note.is_file() else None


def worked(said: Mapping[str, Any]) -> None:
    """`cut` in a process of its own: a refusal goes to the parent as one line of JSON."""
    import os
    import sys

    os.umask(0o077)  # what the engine spills to a temporary folder is nobody else's to read either
    try:
        cut(said["store"], said["departments"], said["target"], said["of"])
    except KitError as problem:
        print(json.dumps(problem.record()))  # noqa: T201 - the parent reads it
        sys.exit(problem.code)


def cut(store: Path | str, departments: Iterable[str], target: Path | str, of: str = "") -> Path:
    """Write a store with the rows of these departments alone.

    Parameters
    ----------
    store : Path
        The whole one; it is only read.
    departments : iterable of str
        As the allocation names them.
    target : Path
        Folder that is not there yet.
    of : str
        Version of the whole store, for the record.

    Returns
    -------
    Path
        `target`. Its reconciliation compares with what these departments' rows summed to in the whole store.

    Raises
    ------
    Refused
        No charge is theirs.
    """
    import duckdb

    store, target, mine = layout.need(store).resolve(), Path(target), sorted(set(departments))
    records = delta.records(store / layout.CHARGES)
    pieces = _pieces(store / layout.CHARGES, records)
    con = engine()
    try:
        whole = _Whole(con, store, pieces, mine)
        if not whole.any():
            raise Refused(
                "the store holds no charges of your departments",
                "a department that the allocation names",
                "ask whoever runs this server whether the names in the file of rights are those of the allocation",
            )
        target.mkdir(mode=0o700)
        with locks.staging(target) as scratch:
            _charges(whole, records, pieces, target, scratch)
            _companions(whole, store, target)
            _usage(whole, store, target, scratch)
    except duckdb.Error as problem:
        raise unreadable(problem) from problem
    finally:
        con.close()
    note = {"departments": mine, "of": of}
    (target / NOTE).write_text(json.dumps(note, ensure_ascii=False) + "\n", "utf-8")
    return target


# --- the charges ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """A file that holds what one delivery brought of one slice; after a compaction it holds other deliveries too."""

    record: int  # position among the records
    key: str
    path: Path
    delivery: str  # only rows of this delivery; empty: all of the file


def _pieces(table: Path, records: Sequence[DeliveryRecord]) -> list[Piece]:
    """Where each delivery's rows are today; what a vacuum removed is not there."""
    joined = {
        path: file
        for r in records
        if r.kind == "compaction"
        for file in r.added
        for path in r.joined.get(file.slice, ())
    }
    found: dict[tuple[int, str, Path, str], Piece] = {}
    for n, record in enumerate(records):
        for file in record.added if record.kind == "delivery" else ():
            place, delivery = file, ""
            while not (table / place.path).is_file() and place.path in joined:
                place, delivery = joined[place.path], record.id
            if (table / place.path).is_file():
                piece = Piece(n, file.slice, table / place.path, delivery)
                found[n, file.slice, piece.path, delivery] = piece
    return list(found.values())


class _Whole:
    """All charges of the whole store, each with the department it has today and whether it is the viewer's."""

    def __init__(self, con: Any, store: Path, pieces: Sequence[Piece], mine: Sequence[str]) -> None:
        self.con, self.mine = con, frozenset(mine)
        files = sorted({p.path for p in pieces})
        state = layout.state_of(store)
        self.columns = layout.stored_columns() | {
            name: kind for r in state.records for name, kind in r.columns.items()
        }
        if not files:
            raise Refused("the store holds no charges", "at least one delivery", "finops ingest FILE…")
        read = (
            f"read_parquet({listed(files)}, union_by_name = true, filename = true, hive_partitioning = false)"
        )
        held = {r[0] for r in con.execute(f"DESCRIBE SELECT * FROM {read}").fetchall()}
        self.columns = {name: kind for name, kind in self.columns.items() if name in held}
        names = ", ".join(layout.quoted(c) for c in self.columns)
        con.execute(f"CREATE VIEW charges AS SELECT {names}, filename FROM {read}")
        con.execute(f"CREATE VIEW joined AS {allocation.joined_view(con, store)}")
        self._tables(pieces)
        con.execute(
            """CREATE VIEW judged AS SELECT j.*, coalesce(x_KitDepartment IN (FROM kit_mine), false) AS kit_own,
            x_KitDepartment IS NOT NULL AND NOT coalesce(x_KitDepartment IN (FROM kit_mine), false) AS kit_others
            FROM joined j"""
        )
        # the viewer's rows once, and of all rows only what the companion tables are judged by
        con.execute(
            """CREATE TEMP TABLE kept AS SELECT j.*, p.n AS kit_piece, p.record AS kit_record, p.key AS kit_key
            FROM judged j JOIN kit_pieces p ON j.filename = p.file AND (p.delivery = '' OR p.delivery = j.x_KitDelivery)
            WHERE j.kit_own"""
        )

    def judge(self, columns: Iterable[str]) -> None:
        """Keep, of all charges, what distinct values of these columns there are, by month and by whose they are."""
        found = ", ".join(layout.quoted(c) for c in dict.fromkeys(columns) if c in self.columns)
        self.con.execute(
            f"CREATE TEMP TABLE facts AS SELECT DISTINCT {found}, strftime(ChargePeriodStart, '%Y-%m') AS kit_month, "
            "kit_own, kit_others FROM judged"
        )

    def _tables(self, pieces: Sequence[Piece]) -> None:
        import pyarrow as pa

        rows = {
            "n": pa.array(range(len(pieces)), pa.int64()),
            "record": pa.array([p.record for p in pieces], pa.int64()),
            "key": pa.array([p.key for p in pieces], pa.string()),
            "file": pa.array([str(p.path) for p in pieces], pa.string()),
            "delivery": pa.array([p.delivery for p in pieces], pa.string()),
        }
        self.con.register("kit_given", pa.table(rows))
        self.con.register("kit_named", pa.table({"name": pa.array(sorted(self.mine), pa.string())}))
        self.con.execute("CREATE TEMP TABLE kit_pieces AS FROM kit_given")
        self.con.execute("CREATE TEMP TABLE kit_mine AS FROM kit_named")
        self.con.unregister("kit_given")
        self.con.unregister("kit_named")

    def any(self) -> bool:
        """Whether any charge is the viewer's."""
        return self.con.execute("SELECT 1 FROM kept LIMIT 1").fetchone() is not None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.con.execute(sql).fetchall()

    def seen(self, what: str, values: Sequence[str]) -> dict[str, tuple[bool, bool]]:
        """Of values of a column or ``tag:KEY``: whether the viewer's charges have them, and whether others' have."""
        import pyarrow as pa

        if what.startswith("tag:"):
            keys = ", ".join(f"trim(Tags[{text(k)}])" for k in what[4:].split(allocation.SPELLINGS))
            looked_at = f"unnest([{keys}])"
        elif what in self.columns:
            looked_at = f"trim({layout.quoted(what)}::VARCHAR)"
        else:
            return {}
        self.con.register("kit_asked", pa.table({"value": pa.array(sorted(set(values)), pa.string())}))
        try:
            found = self.rows(
                f"SELECT value, bool_or(kit_own), bool_or(kit_others) FROM (SELECT {looked_at} AS value, kit_own, "
                "kit_others FROM facts) SEMI JOIN kit_asked USING (value) GROUP BY 1"
            )
        finally:
            self.con.unregister("kit_asked")
        return {value: (own, others) for value, own, others in found}

    def each(self, asked: Sequence[tuple[str, Any]]) -> list[tuple[bool, bool]]:
        """`seen` of pairs of what and value, in their order; one query for each what."""
        values: dict[str, set[str]] = defaultdict(set)
        for what, value in asked:
            if value is not None:
                values[what].add(value)
        found = {what: self.seen(what, sorted(some)) for what, some in values.items()}
        return [found.get(what, {}).get(value, (False, False)) for what, value in asked]


def _charges(
    whole: _Whole, records: Sequence[DeliveryRecord], pieces: Sequence[Piece], target: Path, scratch: Path
) -> None:
    parts = scratch / "parts"
    names = ", ".join(f"j.{layout.quoted(c)}" for c in whole.columns)
    whole.con.execute(
        f"COPY (SELECT {names}, kit_piece FROM kept j) TO {text(parts)} "
        "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (kit_piece))"
    )
    sums = ", ".join(f"sum({c})" for c in COSTS)
    totals: dict[tuple[int, str], list[tuple[Any, ...]]] = defaultdict(list)
    for record, key, *rest in whole.rows(
        f"SELECT kit_record, kit_key, ServiceProviderName, BillingCurrency, count(*), {sums} FROM kept GROUP BY ALL"
    ):
        totals[record, key].append(tuple(rest))
    residues = _residues(whole)
    files: dict[int, dict[str, int]] = defaultdict(dict)
    for record, name, count in whole.rows("SELECT kit_record, x_KitFile, count(*) FROM kept GROUP BY ALL"):
        files[record][name] = count
    theirs: dict[tuple[int, str], list[int]] = defaultdict(list)
    for n, piece in enumerate(pieces):
        theirs[piece.record, piece.key].append(n)
    layout.make(target, records[0].ingested if records else datetime.now(UTC))
    held: dict[str, SliceChange] = {}
    live: dict[str, list[str]] = defaultdict(list)
    for n, record in enumerate(records):
        if record.kind != "delivery":
            continue
        changes, moves, removed = [], [], []
        for i, change in enumerate(record.slices):
            before = held.get(change.key)
            new = _change(change, totals.get((n, change.key), []), residues.get((n, change.key), {}), before)
            if not new.rows and (before is None or change.action == "appended"):
                continue
            changes.append(new)
            held[change.key] = new
            if change.action != "appended":
                removed += live.pop(change.key, [])
            some = [
                f for p in theirs[n, change.key] for f in sorted((parts / f"kit_piece={p}").glob("*.parquet"))
            ]
            for m, file in enumerate(some):
                path = f"data/{change.period}/{record.id[:12]}-{n}-{i}-{m}.parquet"
                moves.append((file, path, change.key))
                live[change.key].append(path)
        if changes:
            kept = replace(
                record,
                slices=tuple(changes),
                files=_files(record.files, files[n]),
                added=(),
                removed=tuple(removed),
                columns={c: k for c, k in record.columns.items() if c in whole.columns},
                notes=(),
                details={},
            )
            kinds = layout.stored_columns() | kept.columns
            expected = {c.key: c.rows for c in changes}
            table = target / layout.CHARGES
            moving.move_and_commit(
                target, table, moves, kept, layout.PARTITION, layout.arrow_schema(kinds), expected
            )
    _kept_since(target / layout.CHARGES, records, layout.PARTITION)


def _change(
    change: SliceChange,
    rows: Sequence[tuple[Any, ...]],
    residue: dict[str, tuple[int, Decimal]],
    before: SliceChange | None,
) -> SliceChange:
    totals = add_totals({(p or "", c or ""): dict(zip(COSTS, sums, strict=True))} for p, c, _, *sums in rows)
    counts: Counter[tuple[str, str]] = Counter()
    for provider, currency, count, *_ in rows:
        counts[provider or "", currency or ""] += count
    return SliceChange(
        key=change.key,
        account=change.account,
        period=change.period,
        action="new" if before is None else change.action,
        rows=sum(counts.values()),
        totals=totals,
        residue=residue,
        rows_before=before.rows_after if before else 0,
        totals_before=before.totals_after if before else {},
        counts=dict(counts),
    )


def _residues(whole: _Whole) -> dict[tuple[int, str], dict[str, tuple[int, Decimal]]]:
    sums: dict[tuple[int, str], dict[str, tuple[int, Decimal]]] = defaultdict(dict)
    found = whole.rows(
        "SELECT kit_record, kit_key, e.key, e.value FROM (SELECT kit_record, kit_key, "
        "unnest(map_entries(x_KitExact)) AS e FROM kept WHERE x_KitExact IS NOT NULL)"
    )
    for record, key, column, value in found:
        count, amount = sums[record, key].get(column, (0, Decimal(0)))
        sums[record, key][column] = count + 1, CONTEXT.add(amount, versions.residue(value))
    return sums


def _files(files: Iterable[SourceFile], rows: Mapping[str, int]) -> tuple[SourceFile, ...]:
    """The export's files that hold something of these departments: name and hash, and how many rows are theirs."""
    named = {PurePath(f.name).name: f for f in files}
    return tuple(
        SourceFile(name, f.sha256, 0, rows[name], f.version) for name, f in named.items() if name in rows
    )


def _kept_since(table: Path, records: Iterable[DeliveryRecord], partition: str | None) -> None:
    """Days that a vacuum closed stay closed: of them only parts could be given."""
    for record in records:
        if record.kind == "vacuum" and delta.is_table(table):
            delta.commit(
                table, replace(record, added=(), removed=(), notes=(), details={}), partition=partition
            )


# --- the companion tables -------------------------------------------------------------------------------------------

# Facts about the world, not about anybody's cost.
FACTS = frozenset({"exchange_rates", "carbon_factors", "grid_hours", "billing_period", "targets"})
PRODUCTS = frozenset({"drivers", "product_plans", "customers", "bets", "designs"})
# emissions of a whole account: only where no charge of it is anybody else's
ACCOUNTS = {"aws_carbon": "usage_account_id", "azure_carbon": "subscriptionId", "google_carbon": "project.id"}
JUDGED_BY = ("ResourceId", "ResourceName", "SubAccountId", "ServiceName", "SkuId", "SkuPriceId", "SkuMeter", "RegionId", "Tags")  # fmt: skip
TAKEN_FROM = {
    "resource_id": "ResourceId",
    "name": "ResourceName",
    "meter": "SkuMeter",
    "service": "ServiceName",
    "region": "RegionId",
    "sku": "SkuId",
}


def _companions(whole: _Whole, store: Path, target: Path) -> None:
    from helpers.data import tables

    held = {name: list(_versions(store, name)) for name in tables.table_names(store) if name != usage.NAME}
    named = {
        on
        for versions_of in held.values()
        for _, table in versions_of
        if "match_on" in table.column_names
        for on in table.column("match_on").unique().to_pylist()
    }
    whole.judge([*JUDGED_BY, *sorted(named - {None})])
    products = _products(held.get("products", ()), whole)
    for name, versions_of in held.items():
        written = False
        for record, table in versions_of:
            rows = cut_rows(name, table.to_pylist(), table.column_names, whole, products)
            if rows or written:
                import pyarrow as pa

                kept = pa.Table.from_pylist(rows, table.schema)
                details = {k: v for k, v in record.details.items() if k == "file"} | {"rows": len(rows)}
                tables.write_table(target, name, kept, record.delivered, details, now=record.ingested)
                written = True
        if written:
            folder = layout.COMPANIONS
            _kept_since(target / folder / name, delta.records(store / folder / name), None)


def _versions(store: Path, name: str) -> Iterable[tuple[DeliveryRecord, Any]]:
    """Every delivery of a companion table that is still there, with its rows."""
    from pyarrow import parquet

    folder = store / layout.COMPANIONS / name
    for record in delta.records(folder):
        files = [folder / f.path for f in record.added]
        if record.kind == "delivery" and files and all(f.is_file() for f in files):
            if any(delta.file_hash(folder / f.path) != f.sha256 for f in record.added):
                from helpers.data import tables

                tables.read_table(store, name, record.delivered)  # says what is damaged
            yield record, parquet.ParquetFile(files[0]).read()


def cut_rows(
    name: str, rows: list[dict[str, Any]], columns: Sequence[str], whole: _Whole, products: frozenset[str]
) -> list[dict[str, Any]]:
    """The rows of a companion table that are known to be about the viewer's departments."""
    special = _SPECIAL.get(name)
    if name in FACTS or special:
        return special(rows, whole) if special else rows
    if name in PRODUCTS:
        return [r for r in rows if r["product"] in products]
    if name in ACCOUNTS:
        return _wholly_own(rows, ACCOUNTS[name], whole)
    known = [c for c in ("department", "resource_id", "product") if c in columns]
    if not known:
        return []
    if "department" in known:
        rows = _of_department(rows, whole)
    if "resource_id" in known:
        rows = _of_resources(rows, whole)
    if "product" in known:
        rows = [r for r in rows if r["product"] in products]
    return rows


def treatment(name: str, columns: Sequence[str]) -> str:
    """What stays of a companion table, in words: docs/security.md says it of each."""
    if name in FACTS:
        return "whole: a fact about nobody's cost"
    if name in _SPECIAL:
        return " ".join((_SPECIAL[name].__doc__ or "").split()).rstrip(".")
    if name in ACCOUNTS:
        return "rows of accounts whose charges are all the viewer's"
    if name in PRODUCTS:
        return "rows of products whose charges are the viewer's and nobody else's"
    words = {
        "department": "of the viewer's departments",
        "resource_id": "of resources that are the viewer's alone",
        "product": "of products that are the viewer's alone",
    }
    known = [words[c] for c in words if c in columns]
    return f"rows {', '.join(known)}" if known else "left out"


def _of_department(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Rows of the viewer's departments."""
    return [r for r in rows if r["department"] in whole.mine]


def _of_resources(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Rows of resources that are the viewer's alone."""
    seen = whole.each([("ResourceId", r["resource_id"]) for r in rows])
    return [r for r, s in zip(rows, seen, strict=True) if r["resource_id"] and s == (True, False)]


def _wholly_own(rows: list[dict[str, Any]], column: str, whole: _Whole) -> list[dict[str, Any]]:
    accounts = {
        a
        for (a,) in whole.rows(
            "SELECT SubAccountId FROM facts GROUP BY 1 HAVING bool_and(kit_own) AND SubAccountId IS NOT NULL"
        )
    }
    return [r for r in rows if r.get(column) in accounts]


def _of_sources(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Rows of exports from which the viewer has charges."""
    mine = {s for (s,) in whole.rows("SELECT DISTINCT x_KitSource FROM kept")}
    return [r for r in rows if r["source"] in mine]


def _of_skus(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Rows of SKUs that the viewer's charges have."""
    found = whole.seen("SkuId", [r["sku_id"] for r in rows])
    found |= {
        k: v for k, v in whole.seen("SkuPriceId", [r["sku_id"] for r in rows]).items() if k not in found
    }
    return [r for r in rows if found.get(r["sku_id"], (False,))[0]]


def _policy(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Allowed values that the viewer's charges have; which of these charges meet the policy stays the same."""
    kept = []
    for row in rows:
        values = [v.strip() for v in (row["allowed_values"] or "").split(allocation.SPELLINGS) if v.strip()]
        found = whole.seen(f"tag:{row['tag_key']}", values)
        mine = [v for v in values if found.get(v, (False,))[0]]
        kept.append(row | {"allowed_values": "|".join(mine or [NOTHING]) if values else None})
    return kept


def _tag_mapping(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Rows whose tag and value the viewer's charges have."""
    seen = whole.each([(f"tag:{r['key']}", r["value"]) for r in rows])
    return [r for r, (own, _) in zip(rows, seen, strict=True) if own]


def _shared(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Rules that share a cost among the viewer's departments alone: of others a part would read as the whole."""
    others = {r["rule"] for r in rows if r["department"] not in whole.mine}
    return [r for r in rows if r["rule"] not in others]


def _scoped(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Days and plans about everybody, or about the viewer's departments and services; other names are taken out."""
    mine, kept = whole.mine, []
    for row in rows:
        names = [n.strip() for n in (row["scope"] or "*").split(";") if n.strip()]
        services = whole.seen("ServiceName", names)
        own = [n for n in names if n == "*" or n in mine or services.get(n, (False,))[0]]
        whole_amount = row.get("amount") is not None and any(n not in mine for n in names)
        if own and not whole_amount:
            kept.append(row | {"scope": ";".join(own) if row["scope"] else row["scope"]})
    return kept


def _matching(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Rows that fit charges of the viewer."""
    return [r for r, (own, _) in zip(rows, _matches(rows, whole), strict=True) if own]


def _matches(rows: list[dict[str, Any]], whole: _Whole) -> list[tuple[bool, bool]]:
    """Of rows with match_on and match_value: whether the viewer's charges fit, and whether others' do."""
    seen = whole.each([(r["match_on"], r["match_value"]) for r in rows])
    return [(True, True) if r["match_value"] == "*" else s for r, s in zip(rows, seen, strict=True)]


def _architectures(rows: list[dict[str, Any]], whole: _Whole) -> list[dict[str, Any]]:
    """Designs of which every component is found in the viewer's charges, whole."""
    seen = whole.each([(TAKEN_FROM.get(r["taken_from"], ""), r["value"]) for r in rows])
    foreign = {r["design"] for r, (own, _) in zip(rows, seen, strict=True) if not own}
    return [r for r in rows if r["design"] not in foreign]


def _products(held: Iterable[tuple[Any, Any]], whole: _Whole) -> frozenset[str]:
    """Products whose charges are the viewer's and nobody else's: of a part no unit cost could be said."""
    rows = [row for _, table in held for row in table.to_pylist()]
    found = list(zip(rows, _matches(rows, whole), strict=True))
    others = {row["product"] for row, (_, theirs) in found if theirs}
    return frozenset(row["product"] for row, (mine, _) in found if mine) - others


_SPECIAL: dict[str, Callable[[list[dict[str, Any]], _Whole], list[dict[str, Any]]]] = {
    "allocation": _of_department,
    "tag_policy": _policy,
    "tag_mapping": _tag_mapping,
    "sources": _of_sources,
    "skus": _of_skus,
    "shared_cost_rules": _shared,
    "calendar": _scoped,
    "scenarios": _scoped,
    "products": _matching,
    "architectures": _architectures,
}


# --- hourly use -----------------------------------------------------------------------------------------------------


def _usage(whole: _Whole, store: Path, target: Path, scratch: Path) -> None:
    """Hours of resources in the months in which their charges are the viewer's and nobody else's."""
    import pyarrow as pa

    folder = store / layout.COMPANIONS / usage.NAME
    records = delta.records(folder)
    files = sorted({folder / f.path for r in records for f in r.added if (folder / f.path).is_file()})
    if not files:
        return
    con = whole.con
    names = [n for (n,) in whole.rows(f"SELECT DISTINCT resource_id FROM read_parquet({listed(files)})")]
    known = [n for (n,) in whole.rows("SELECT DISTINCT ResourceId FROM facts WHERE ResourceId IS NOT NULL")]
    ids = usage.match(names, known).ids
    texts = pa.string()
    con.register("kit_called", pa.table({"name": pa.array(ids, texts), "id": pa.array(ids.values(), texts)}))
    con.execute(
        """CREATE TEMP TABLE kit_hours AS SELECT c.name, f.kit_month AS month FROM facts f
        JOIN kit_called c ON f.ResourceId = c.id GROUP BY ALL HAVING bool_or(kit_own) AND NOT bool_or(kit_others)"""
    )
    con.unregister("kit_called")
    held: dict[str, tuple[int, list[str]]] = {}
    out, columns = target / layout.COMPANIONS / usage.NAME, ", ".join(COLUMNS)
    for n, record in enumerate(records):
        if record.kind != "delivery":
            continue
        changes, moves, removed = [], [], []
        for change in record.slices:
            mine = [folder / f.path for f in record.added if f.slice == change.key]
            if not mine or not all(f.is_file() for f in mine):
                continue
            file = scratch / f"usage-{n}-{change.key}.parquet"
            con.execute(
                f"COPY (SELECT {columns} FROM read_parquet({listed(mine)}) u SEMI JOIN kit_hours h ON u.resource_id = "
                f"h.name AND strftime(u.start, '%Y-%m') = h.month {ORDER}) TO {text(file)} (FORMAT parquet, COMPRESSION zstd)"
            )
            rows = usage._rows(file)
            before, paths = held.get(change.key, (0, []))
            if not rows and not before:
                continue
            removed += paths
            path = f"data/{change.key}/{record.id[:12]}-{n}-0.parquet"
            moves.append((file, path, change.key))
            held[change.key] = rows, [path]
            action = "replaced" if before else "new"
            changes.append(SliceChange(change.key, "", change.period, action, rows, {}, rows_before=before))
        if changes:
            delta.create(out, schema())
            kept = replace(
                record,
                slices=tuple(changes),
                added=(),
                removed=tuple(removed),
                notes=(),
                details={"file": record.details.get("file", ""), "rows": sum(c.rows for c in changes)},
            )
            expected = {c.key: c.rows for c in changes}
            moving.move_and_commit(target, out, moves, kept, None, schema(), expected)
    if held:
        _kept_since(out, records, None)
