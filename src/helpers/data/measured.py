"""Hourly use of resources: files in, one checked Parquet file a month out, ready for the store.

The kit's own form (Parquet or CSV) and the exports that `monitors` reads become samples; samples of an hour become that
hour: the average weighted by their number, the largest maximum, the sum of their numbers. Everything passes through
DuckDB in pieces, so that a file may be larger than memory. Rules for what is doubtful: docs/usage.md.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.data import monitors, opening
from helpers.data.engine import engine, listed, text
from helpers.data.monitors import METRICS
from helpers.data.opening import Given
from helpers.terms.errors import BadInput, KitError, Refused

COLUMNS = ("resource_id", "metric", "unit", "start", "average", "maximum", "samples")
NEEDED = frozenset(COLUMNS[:5])
MEMORY = "1GB"
BATCH = 50_000  # rows that a JSON document waits with before they are written
SNIFFED = 1 << 16
ROUNDED = 101  # percent up to here are 100, rounded up by the source
ORDER = "ORDER BY metric, resource_id, start"
ZONED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:\d{2})?)$"


@dataclass(frozen=True)
class Measured:
    """The use that one delivery brings.

    Attributes
    ----------
    id : str
        Hash of its files: the same files have the same id.
    files : tuple of str
        As the user gave them.
    months : dict
        Month ``YYYY-MM`` -> Parquet file of `COLUMNS`.
    rows : int
        Hours of resources and metrics, in all.
    resources : int
    metrics : tuple of str
    notes : tuple of str
        What was left out or mended, counted.
    """

    id: str
    files: tuple[str, ...]
    months: dict[str, Path]
    rows: int
    resources: int
    metrics: tuple[str, ...]
    notes: tuple[str, ...]


def recognise(header: Sequence[str]) -> bool:
    """Whether a table with these columns is hourly use in the kit's own form.

    Examples
    --------
    >>> recognise(["resource_id", "metric", "unit", "start", "average"])
    True
    >>> recognise(["ResourceId", "BilledCost"])
    False
    """
    return {h.strip() for h in header} >= NEEDED


def is_export(given: Given) -> bool:
    """Whether a file is an export of a monitoring system, by its first bytes."""
    with opening.stream(given) as pieces:
        first = b""
        for piece in pieces:
            first += piece
            if len(first) >= SNIFFED:
                break
    return monitors.kind(first[:SNIFFED]) is not None


def stage(files: Sequence[Given], scratch: Path) -> Measured:
    """Read, check and join the use in some files to hours.

    Parameters
    ----------
    files : sequence of Given
    scratch : Path
        An existing folder; the months' files are left in it.

    Returns
    -------
    Measured

    Raises
    ------
    BadInput
        Naming file, row and column (in JSON: the place inside the document) of what cannot be taken.
    """
    import duckdb

    landing = scratch / "landed"
    landing.mkdir()
    landed = [opening.land(g, landing) for g in files]
    _refuse_twice(landed)
    identity = hashlib.sha256("".join(sorted(x.sha256 for x in landed)).encode()).hexdigest()
    reading = monitors.Reading()
    con = engine(MEMORY)
    try:
        con.execute("SET preserve_insertion_order = false")
        views = _views(con, landed, scratch, reading)
        notes = [_checked(con, view, name, tabular) for view, name, tabular in views]
        found = _hours(con, [v for v, _, _ in views], scratch, [n for _, n, _ in views])
    except duckdb.Error as problem:
        raise _explained(problem, landed) from problem
    finally:
        con.close()
    told = [f"{count:,} times left out: {what}" for what, count in sorted(reading.left_out.items())]
    months, rows, resources, metrics, repeated = found
    if not rows:
        raise BadInput(
            "no use that the kit can read" + (f" ({'; '.join(told)})" if told else ""),
            f"at least one value of {', '.join(METRICS)}",
            "export one of these metrics (docs/usage.md names them for each source)",
            file=files[0].name,
        )
    if repeated:
        told.append(f"{repeated:,} values stood there twice, the same: counted once")
    told = [n for some in notes for n in some] + told
    return Measured(identity, tuple(g.name for g in files), months, rows, resources, metrics, tuple(told))


def _refuse_twice(landed: Sequence[opening.Landed]) -> None:
    seen: dict[str, str] = {}
    for file in landed:
        if other := seen.get(file.content):
            raise BadInput(f"the same content as {other}", "each file once", "leave one of the two out", file=file.given.name)  # fmt: skip
        seen[file.content] = file.given.name


def _views(
    con: Any, landed: Sequence[opening.Landed], scratch: Path, reading: monitors.Reading
) -> list[tuple[str, str, bool]]:
    """A view of typed samples for each file, with the file's name and whether its rows can be named."""
    kinds = [None if x.parquet else _kind(x.path) for x in landed]
    for file, what in zip(landed, kinds, strict=True):
        if what == "cloudwatch-queries":
            monitors.add_queries(file.path, file.given.name, reading)
    found = []
    for n, (file, what) in enumerate(zip(landed, kinds, strict=True)):
        if what == "cloudwatch-queries":
            continue
        if what is None:
            sql = _parquet(con, file) if file.parquet else _csv(file)
        else:
            path = scratch / f"samples-{n}.parquet"
            _write(monitors.samples(what, file.path, file.given.name, reading), path, file.given.name)
            sql = f"SELECT *, NULL AS start_text FROM read_parquet({listed([path])})"
        con.execute(f"CREATE VIEW sample_{n} AS {sql}")
        found.append((f"sample_{n}", file.given.name, what is None))
    return found


def _kind(path: Path) -> str | None:
    with path.open("rb") as file:
        return monitors.kind(file.read(SNIFFED))


def _write(rows: Any, path: Path, name: str) -> None:
    """Rows of a JSON document as Parquet, in pieces."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(list(zip(COLUMNS, _arrow(), strict=True)))
    try:
        with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
            while batch := list(itertools.islice(rows, BATCH)):
                columns = list(zip(*batch, strict=True))
                writer.write_table(
                    pa.table([pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)], schema)
                )
    except (KeyError, TypeError, AttributeError, IndexError) as problem:
        raise BadInput(
            f"a document that lacks or misplaces {problem}",
            "the answer as the monitoring system writes it",
            "export it again without changing its shape (docs/usage.md)",
            file=name,
        ) from problem


def _arrow() -> list[Any]:
    import pyarrow as pa

    word, number = pa.string(), pa.float64()
    return [word, word, word, pa.timestamp("us", "UTC"), number, number, pa.int64()]


def schema() -> Any:
    """Arrow schema of `COLUMNS`, as the store keeps them."""
    import pyarrow as pa

    return pa.schema(list(zip(COLUMNS, _arrow(), strict=True)))


# --- the kit's own form ---------------------------------------------------------------------------------------------


def _csv(file: opening.Landed) -> str:
    with file.path.open(encoding="utf-8-sig", errors="replace") as lines:
        first = lines.readline()
    separator = ";" if first.count(";") > first.count(",") else ","
    header = [h.strip().strip('"') for h in first.strip().split(separator)]
    _refuse_missing(header, file.given.name)
    names = ", ".join(f"{text(h)}: 'VARCHAR'" for h in header)
    source = (
        f"read_csv({listed([file.path])}, columns = {{{names}}}, auto_detect = false, header = true, "
        f"delim = '{separator}', quote = '\"', escape = '\"', strict_mode = true, null_padding = false)"
    )
    return _typed(source, dict.fromkeys(header, "VARCHAR"))


def _parquet(con: Any, file: opening.Landed) -> str:
    source = f"read_parquet({listed([file.path])})"
    types = {r[0]: r[1] for r in con.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    _refuse_missing(types, file.given.name)
    if types["start"] not in ("TIMESTAMP WITH TIME ZONE", "VARCHAR"):
        raise BadInput(
            f"times of type {types['start']}, without zone",
            "instants: a timestamp with zone (UTC), or texts with their zone",
            "write the column as UTC; local times would have an hour twice where summer time ends",
            file=file.given.name,
            column="start",
        )
    return _typed(source, types)


def _refuse_missing(header: Any, name: str) -> None:
    for column in COLUMNS[:5]:
        if column not in header:
            raise BadInput(
                "the column is missing", ", ".join(COLUMNS), "add it", file=name, row=1, column=column
            )


def _typed(source: str, types: dict[str, str]) -> str:
    """Samples with their types; what is no number or time is left as text beside it and judged by `_checked`."""

    def number(column: str, kind: str) -> str:
        if column not in types:
            return f"NULL::{kind}"
        return f"TRY_CAST(nullif(trim({column}::VARCHAR), '') AS {kind})" if types[column] == "VARCHAR" else f"{column}::{kind}"  # fmt: skip

    start, said = "start", "NULL"
    if types["start"] == "VARCHAR":
        start = f"CASE WHEN regexp_matches(trim(start), {text(ZONED)}) THEN TRY_CAST(trim(start) AS TIMESTAMPTZ) END"
        said = "start"
    texts = [c for c in ("average", "maximum", "samples") if types.get(c) == "VARCHAR"]
    kept = "".join(f", {c} AS {c}_text" for c in texts)
    return (
        f"SELECT trim(resource_id) AS resource_id, trim(metric) AS metric, trim(unit) AS unit, {start} AS start, "
        f"{number('average', 'DOUBLE')} AS average, {number('maximum', 'DOUBLE')} AS maximum, "
        f"coalesce({number('samples', 'BIGINT')}, 1) AS samples, {said} AS start_text{kept} FROM {source}"
    )


# --- what is wrong --------------------------------------------------------------------------------------------------

_TOO_MUCH = f"above 100 %, such as a sum over processors: give a share of the whole machine (up to {ROUNDED} counts as 100)"
_RULES: tuple[tuple[str, str, str, str], ...] = (  # column, SQL that finds it, what is needed, remedy
    (
        "resource_id",
        "coalesce(resource_id, '') = ''",
        "the id of a resource",
        "fill it in, or delete the row",
    ),
    (
        "metric",
        f"metric IS NULL OR metric NOT IN ({', '.join(text(m) for m in METRICS)})",
        " or ".join(METRICS),
        "rename it, or leave the rows out",
    ),
    (
        "unit",
        "unit IS DISTINCT FROM CASE WHEN metric IN ('cpu', 'memory') THEN '%' ELSE 'bytes' END",
        "% for cpu and memory, bytes for network and disks",
        "convert the values, then name the unit",
    ),
    (
        "start",
        "start IS NULL",
        "a time with its zone, like 2026-10-05T13:00:00Z",
        "write times in UTC; a local time without zone has an hour twice where summer time ends",
    ),
    (
        "average",
        "NOT isnan(average) AND (average < 0 OR average >= 1e18)",
        "a number from 0 on",
        "leave out what was not measured",
    ),
    ("average", f"unit = '%' AND NOT isnan(average) AND average > {ROUNDED}", "at most 100 %", _TOO_MUCH),
    (
        "maximum",
        "NOT isnan(maximum) AND (maximum < 0 OR maximum >= 1e18)",
        "a number from 0 on",
        "leave it empty where it was not measured",
    ),
    ("maximum", f"unit = '%' AND NOT isnan(maximum) AND maximum > {ROUNDED}", "at most 100 %", _TOO_MUCH),
    (
        "maximum",
        "NOT isnan(average) AND NOT isnan(maximum) AND maximum < average * (1 - 1e-9) - 1e-9",
        "not below the average",
        "leave it empty where it was not measured",
    ),
    ("samples", "samples < 1", "a whole number above zero", "leave it empty where it is not known"),
)


def _checked(con: Any, view: str, name: str, tabular: bool) -> list[str]:
    """Refuse what cannot be taken; say, counted, what is left out or mended."""
    columns = {r[0] for r in con.execute(f"DESCRIBE {view}").fetchall()}
    rules = list(_RULES)
    for column in ("average", "maximum", "samples"):
        if f"{column}_text" in columns:  # samples are never null, so their text is cast again
            typed = column if column != "samples" else "TRY_CAST(trim(samples_text) AS BIGINT)"
            wrong = f"trim({column}_text) <> '' AND {typed} IS NULL"
            rules.append(
                (
                    column,
                    wrong,
                    "a number with a point",
                    "write it like 1234.5, without separators of thousands",
                )
            )
    gap, no_peak = "average IS NULL OR isnan(average)", "maximum IS NULL OR isnan(maximum)"
    rounded = f"NOT ({gap}) AND unit = '%' AND (average > 100 OR NOT ({no_peak}) AND maximum > 100)"
    peak = f"NOT ({gap}) AND ({no_peak})"
    counts = ", ".join(
        f"count(*) FILTER (WHERE {sql})" for sql in [*(r[1] for r in rules), gap, rounded, peak]
    )
    *broken, gaps, over, peaks = con.execute(f"SELECT {counts} FROM {view}").fetchone()
    for (column, sql, needed, remedy), count in zip(rules, broken, strict=True):
        if count:
            raise _bad(
                con, view, name, (column, sql, needed, remedy), count, tabular, f"{column}_text" in columns
            )
    said = ((gaps, "values are empty or NaN: gaps stay gaps"), (over, f"percentages above 100 and up to {ROUNDED}: taken as 100"), (peaks, "values carry no maximum: their average stands for it"))  # fmt: skip
    return [f"{name}: {count:,} {what}" for count, what in said if count]


def _bad(
    con: Any, view: str, name: str, rule: tuple[str, str, str, str], count: int, tabular: bool, textual: bool
) -> BadInput:
    column, sql, needed, remedy = rule
    con.execute("SET preserve_insertion_order = true")
    shown = f"{column}_text" if textual else column
    row, value, resource, start = con.execute(
        f"SELECT row, {shown}, resource_id, start FROM (SELECT row_number() OVER () AS row, * FROM {view}) "
        f"WHERE {sql} ORDER BY row LIMIT 1"
    ).fetchone()
    more = f" (and {count - 1:,} more)" if count > 1 else ""
    where = "" if tabular else f" of {resource} at {start}"
    found = repr(value) if isinstance(value, str) else "an empty cell" if value is None else f"{value}"
    row = row + 1 if tabular else None
    return BadInput(f"{found}{where}{more}", needed, remedy, file=name, row=row, column=column)


def out_of_room(problem: Exception) -> KitError | None:
    """The refusal of what neither memory nor disk had room for, or None where that was not the problem."""
    import duckdb

    if isinstance(problem, duckdb.OutOfMemoryException):
        return Refused(
            f"not enough memory or room: {str(problem).splitlines()[0]}",
            f"{MEMORY} of memory, and disk for twice the file",
            "free some space, or give the use in smaller files; nothing was changed",
        )
    if isinstance(problem, duckdb.IOException) and "space" in str(problem).lower():
        return opening.full_disk()
    return None


def _explained(problem: Exception, landed: Sequence[opening.Landed]) -> KitError:
    if refusal := out_of_room(problem):
        return refusal
    told, names = str(problem), {str(x.path): x.given.name for x in landed}
    where = next((name for path, name in names.items() if path in told), landed[0].given.name)
    row = re.search(r"Line: (\d+)", told)
    return BadInput(
        f"the engine cannot read it: {told.splitlines()[0][:200]}",
        "hourly use as Parquet or CSV (UTF-8)",
        "export it again; it may be cut off",
        file=where,
        row=int(row[1]) if row else None,
    )


# --- hours ----------------------------------------------------------------------------------------------------------


def _hours(
    con: Any, views: Sequence[str], scratch: Path, names: Sequence[str]
) -> tuple[dict[str, Path], int, int, tuple[str, ...], int]:
    columns = ", ".join(COLUMNS)
    rows = " UNION ALL ".join(f"SELECT {columns} FROM {v}" for v in views)
    con.execute(
        f"CREATE VIEW samples AS SELECT * FROM ({rows}) WHERE average IS NOT NULL AND NOT isnan(average)"
    )
    found = con.execute(
        "SELECT DISTINCT strftime(start, '%Y-%m') AS month FROM samples ORDER BY month"
    ).fetchall()
    months, total, repeated = {}, 0, 0
    for (month,) in found:
        once = scratch / f"once-{month}.parquet"
        most = "CASE WHEN maximum IS NULL OR isnan(maximum) THEN average ELSE maximum END"
        con.execute(
            "COPY (SELECT resource_id, metric, start, any_value(average) AS average, any_value(maximum) AS maximum, "
            "any_value(samples) AS samples, count(*) AS copies, min(average) <> max(average) OR min(maximum) <> max(maximum) "
            "OR min(samples) <> max(samples) AS differs, max(average) AS other FROM (SELECT resource_id, metric, start, "
            f"{_capped('average')} AS average, {_capped(most)} AS maximum, samples FROM samples "
            f"WHERE start >= {text(month + '-01T00:00:00Z')}::TIMESTAMPTZ "
            f"AND start < {text(month + '-01T00:00:00Z')}::TIMESTAMPTZ + INTERVAL 1 MONTH) GROUP BY ALL) "
            f"TO {text(once)} (FORMAT parquet, COMPRESSION zstd)"
        )
        _refuse_differing(con, once, names)
        months[month] = scratch / f"{month}.parquet"
        con.execute(
            f"COPY ({_joined(con, once)} {ORDER}) TO {text(months[month])} (FORMAT parquet, COMPRESSION zstd)"
        )
        counted = con.execute(f"SELECT sum(copies - 1) FROM read_parquet({listed([once])})").fetchone()
        repeated += int(counted[0])
        once.unlink()
        total += con.execute(f"SELECT count(*) FROM read_parquet({listed([months[month]])})").fetchone()[0]
    if not months:
        return {}, 0, 0, (), 0
    told = con.execute(
        f"SELECT count(DISTINCT resource_id), list(DISTINCT metric ORDER BY metric) FROM read_parquet({listed(months.values())})"
    ).fetchone()
    return months, total, told[0], tuple(told[1]), repeated


def _capped(value: str) -> str:
    return f"CASE WHEN unit = '%' THEN least({value}, 100) ELSE {value} END"


def _joined(con: Any, once: Path) -> str:
    """Samples as hours. An hour of one sample keeps its value to the last bit; sums are exact, whatever their order."""
    unit = "CASE WHEN metric IN ('cpu', 'memory') THEN '%' ELSE 'bytes' END AS unit"
    source = f"read_parquet({listed([once])})"
    finer = con.execute(f"SELECT count(*) FROM {source} WHERE start <> date_trunc('hour', start)").fetchone()[
        0
    ]
    if not finer:
        return f"SELECT resource_id, metric, {unit}, start, average, maximum, samples FROM {source}"
    mean = "sum((average * samples)::DECIMAL(38, 9))::DOUBLE / sum(samples)"
    return (
        f"SELECT resource_id, metric, {unit}, date_trunc('hour', start) AS start, "
        f"CASE WHEN count(*) = 1 THEN any_value(average) ELSE {mean} END AS average, "
        f"max(maximum) AS maximum, sum(samples)::BIGINT AS samples FROM {source} GROUP BY resource_id, metric, 4"
    )


def _refuse_differing(con: Any, once: Path, names: Sequence[str]) -> None:
    bad = con.execute(
        f"SELECT resource_id, metric, start, average, other, count(*) OVER () FROM read_parquet({listed([once])}) "
        "WHERE differs ORDER BY metric, resource_id, start LIMIT 1"
    ).fetchone()
    if bad:
        resource, metric, start, one, other, count = bad
        more = f" (and {count - 1:,} more times)" if count > 1 else ""
        raise BadInput(
            f"two different values of {resource}, {metric}, at {start:%Y-%m-%dT%H:%M:%SZ}, such as {one} and {other}{more}",
            "one value of a resource and metric at a time",
            "leave one of them out; two resources of the same name need names that tell them apart",
            file=", ".join(names[:3]),
        )
