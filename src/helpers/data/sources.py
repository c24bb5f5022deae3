"""Files in: find what a delivery consists of, and stage it as typed Parquet, one slice an account and billing month.

`find` only looks (names, headers, manifests); `stage` reads everything, checks it, raises it to FOCUS 1.4 and counts it
twice. Money is exact: see `versions`. What cannot be taken is refused with its place: see `explain`.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import uuid4

from helpers.data import companions, explain, foreign, manifests, measured, opening, versions
from helpers.data.delivery import SourceFile, Staged, StagedSlice, Totals
from helpers.data.engine import engine, listed, text
from helpers.data.layout import stored_columns
from helpers.data.opening import Given, Landed, header
from helpers.terms import focus
from helpers.terms.errors import BadInput, KitError, NotReconciled, Refused, UsageError
from helpers.terms.focus import COSTS
from helpers.terms.money import CONTEXT
from helpers.terms.period import Month

__all__ = ["Delivery", "Given", "Progress", "find", "header", "stage"]

Progress = Callable[[int, int, int], None]  # bytes done, bytes in all, rows so far
MEMORY = "1GB"
ROWS_A_PART = 122_880  # a row group; what a thread holds of each open slice


@dataclass(frozen=True)
class Delivery:
    """What one ingest would read.

    Attributes
    ----------
    source : str
        Name of the export.
    delivered : date
    files : tuple of Given
        FOCUS files.
    declared : tuple of str
        Billing months that it says it is whole for.
    companions : tuple of (str, Given)
        Companion tables found among the files: name of the table, file.
    usage : tuple of Given
        Files of hourly use found among them: the kit's form, or exports of monitoring systems.
    expected : dict
        Index of a file in `files` -> what a manifest says of it.
    rows : int or None
        Charges in all files, as manifests say.
    version : str or None
        FOCUS version, as a manifest says.
    notes : tuple of str
    """

    source: str
    delivered: date
    files: tuple[Given, ...]
    declared: tuple[str, ...] = ()
    companions: tuple[tuple[str, Given], ...] = ()
    usage: tuple[Given, ...] = ()
    expected: tuple[tuple[int, manifests.Listed], ...] = ()
    rows: int | None = None
    version: str | None = None
    notes: tuple[str, ...] = ()


# --- find ---------------------------------------------------------------------------------------------------------


def find(
    paths: Iterable[Path | str] | Path | str,
    *,
    source: str | None = None,
    periods: Iterable[str] = (),
    today: date,
) -> Delivery:
    """What the paths hold: FOCUS files, companion tables, and what manifests say of them.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, folders, globs, archives, URLs.
    source : str, optional
        Name of the export; from the manifest, else the first file's folder.
    periods : iterable of str
        Billing months the delivery is whole for, besides those that manifests and folders say.
    today : date
        The day of ingest, for a delivery that does not say its own.

    Returns
    -------
    Delivery

    Raises
    ------
    BadInput
        A path that is not there, a file that is neither FOCUS nor a companion table, a manifest that is not met.

    Examples
    --------
    >>> find("exports/2026-09", today=date(2026, 10, 5)).source  # doctest: +SKIP
    'exports'
    """
    paths = [paths] if isinstance(paths, str | Path) else list(paths)
    given = opening.expand(paths)
    lists = [manifests.read(g) for g in [*given, *_aws_metadata(given)] if manifests.is_manifest(g)]
    data = [g for g in given if not manifests.is_manifest(g)]
    data += _listed_beside(given, lists, data)
    files, tables, usage = [], [], []
    for one in data:
        if measured.is_export(one):
            usage.append(one)
            continue
        names = header(one)
        spread = (
            names[0].split(";") if len(names) == 1 else names
        )  # as spreadsheets of some countries write them
        if measured.recognise(spread):
            usage.append(one)
            continue
        if table := companions.recognise(spread) if names else None:
            tables.append((table, one))
            continue
        if len(versions.focus_names(names)) < 4:
            raise _foreign(one, names)
        files.append(one)
    expected = _expected(lists, files)
    said = sorted({m.source for m in lists if m.source})
    if source is None and len(said) > 1:
        raise BadInput(
            f"manifests of several exports: {', '.join(said)}",
            "one export a delivery",
            "ingest them one by one, or name the source with --as",
            file=lists[0].name,
        )
    declared = {p for m in lists for p in m.periods} | {_month(p) for p in periods}
    asked = {str(p).rstrip("/") for p in paths}
    for one in files:  # whoever gives a folder gives all of it; one file does not say that its month is whole
        if one.root.rstrip("/") in asked:
            declared |= set(manifests.folder_months(one.url.rsplit("/", 1)[0]))
    days = [m.delivered for m in lists if m.delivered]
    rows = [m.rows for m in lists]
    name = (
        source
        or (said[0] if said else "")
        or (_folder((files or [g for _, g in tables] or usage)[0]) if data else "")
    )
    if not name.strip() or "|" in name:
        raise UsageError(f"source name {name!r}", "a name without |", "name the source with --as")
    return Delivery(
        name,
        max(days, default=today),
        tuple(files),
        tuple(sorted(declared)),
        tuple(tables),
        tuple(usage),
        tuple(expected),
        sum(r for r in rows if r is not None) if rows and None not in rows else None,
        next((m.version for m in lists if m.version), None),
    )


def _month(text: str) -> str:
    return str(Month.parse(text))


def _foreign(one: Given, names: list[str]) -> BadInput:
    if len(names) <= 1 and names:
        for sign, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            split = names[0].replace('"', "").split(sign)
            if len(split) > 3:
                return BadInput(
                    f"{word} between the values"
                    + (", which mostly go with decimal commas" if sign == ";" else ""),
                    "commas between values and points in numbers",
                    "export the file as the provider writes it, or save it with commas and decimal points",
                    file=one.name,
                    row=1,
                )
    return foreign.refusal(names, one.name)


def _folder(given: Given) -> str:
    """Name of the folder that holds the export: partitions, runs and months are no names."""
    place = given.url.split("://", 1)[-1] if given.remote else str(Path(given.url).resolve())
    parts = [p for p in PurePosixPath(place.replace("\\", "/")).parts[:-1] if p not in ("/", "\\")]
    idle = re.compile(r"data|[^=]+=.*|[\d-]+|[0-9a-f]{8}-[0-9a-f-]{27}", re.IGNORECASE)
    return next((p for p in reversed(parts) if not idle.fullmatch(p)), "export")


def _aws_metadata(given: list[Given]) -> list[Given]:
    """Manifests of AWS exports stand in ``metadata/`` beside ``data/``."""
    found: dict[str, Given] = {}
    for root in {g.root for g in given}:
        place = root.replace("\\", "/").rstrip("/") + "/"
        if not re.search(r"/data/BILLING_PERIOD=[\d-]+/$", place):
            continue
        beside = "/metadata/".join(place.rsplit("/data/", 1)).rstrip("/")
        try:
            found |= {g.url: g for g in opening.expand([beside]) if manifests.is_manifest(g)}
        except BadInput:
            continue  # an export without manifest is taken as it is
    return list(found.values())


def _listed_beside(given: list[Given], lists: list[manifests.Manifest], data: list[Given]) -> list[Given]:
    """A manifest given alone stands for the files that it lists beside itself."""
    if data or not lists:
        return []
    places = {g.name: g for g in given}
    found = []
    for manifest in lists:
        folder = places[manifest.name].url.rsplit("/", 1)[0] if manifest.name in places else ""
        for one in manifest.files:
            ways = [one.path] if "://" in one.path else []
            ways += [f"{folder}/{one.path}", f"{folder}/{PurePosixPath(one.path).name}"] if folder else []
            for way in ways:
                with suppress(BadInput):
                    found += opening.expand([way])
                    break
            else:
                raise _incomplete(manifest.name, f"the file {one.path} is missing")
    return found


def _incomplete(manifest: str, found: str) -> BadInput:
    return BadInput(
        f"incomplete: {found}",
        "what the manifest lists",
        "wait until the export has finished, or download it again",
        file=manifest,
    )


def _expected(lists: list[manifests.Manifest], files: list[Given]) -> Iterator[tuple[int, manifests.Listed]]:
    matched: set[int] = set()
    out = []
    for manifest in lists:
        for one in manifest.files:
            at = next(
                (n for n, g in enumerate(files) if n not in matched and _same(one.path, g, manifest)), None
            )
            if at is None:
                raise _incomplete(manifest.name, f"the file {one.path} is missing")
            matched.add(at)
            out.append((at, one))
    if lists and len(matched) < len(files):
        extra = next(g for n, g in enumerate(files) if n not in matched)
        raise BadInput(
            f"a file that the manifest {lists[0].name} does not list",
            "the files of one run of the export, and no other",
            "leave it out of the delivery (an earlier run may still lie in the folder)",
            file=extra.name,
        )
    return iter(out)


def _same(path: str, given: Given, manifest: manifests.Manifest) -> bool:
    """Whether a listed path is this file: the same address, beside the manifest, or in a folder of the same name."""
    path, url, beside = (
        p.replace("\\", "/").split("://", 1)[-1] for p in (path, given.url, manifest.name.rpartition("/")[0])
    )
    name = PurePosixPath(path).name
    if url in (path, f"{beside}/{path}", f"{beside}/{name}"):
        return True
    return "/" in path and PurePosixPath(path).parts[-2:] == PurePosixPath(url).parts[-2:]


# --- stage --------------------------------------------------------------------------------------------------------


def stage(delivery: Delivery, into: Path, *, progress: Progress | None = None) -> Staged:
    """Read, check and raise a delivery; write its slices as Parquet under `into`.

    Parameters
    ----------
    delivery : Delivery
        From `find`.
    into : Path
        An existing folder, best on the store's disk; nothing is left there but the slices' files.
    progress : callable, optional
        Called with bytes done, bytes in all, rows so far.

    Returns
    -------
    Staged

    Raises
    ------
    BadInput
        Naming file, row and column of the first thing that cannot be taken.
    NotReconciled
        The rows written are not the rows counted.
    """
    if not delivery.files:
        raise BadInput("no FOCUS file", "at least one", "give the files that hold the charges")
    into = Path(into) / f"staged-{uuid4().hex[:12]}"
    scratch, out = into / "unpacked", into / "slices"
    for folder in (scratch, out):
        folder.mkdir(parents=True)
    try:
        return _stage(delivery, scratch, out, _Meter(delivery, progress))
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Meter:
    """Progress over two passes: hashing counts a fifth of the bytes, reading the rest by the rows that have passed."""

    def __init__(self, delivery: Delivery, tell: Progress | None) -> None:
        self.tell, self.total, self.hashed, self.rows, self.records = tell, 0, 0, 0, 0
        if tell:
            self.total = sum(
                Path(g.url).stat().st_size for g in delivery.files if not g.remote and not g.member
            )

    def landing(self, count: int) -> None:
        self.hashed += count
        self.total = max(self.total, self.hashed)
        self.say()

    def passed(self, column: Any) -> Any:
        """What the engine calls with each piece of a column; given back as it came."""
        self.rows += len(column)
        return column

    def say(self) -> None:
        if self.tell:
            share = min(self.rows / self.records, 1) if self.records else 0
            self.tell(int(0.2 * self.hashed + 0.8 * share * self.total), self.total, self.rows)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Tell from a thread beside the engine, twice a second."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.5):
                self.say()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _stage(delivery: Delivery, scratch: Path, out: Path, meter: _Meter) -> Staged:
    landed = [opening.land(g, scratch, meter.landing) for g in delivery.files]
    meter.records = sum(x.records for x in landed)
    _refuse_twice(landed)
    _check_hashes(delivery, landed)
    layouts = [versions.layout(header(x.given), x.given.name, delivery.version) for x in landed]
    identity = hashlib.sha256(
        json.dumps([delivery.source, sorted(x.sha256 for x in landed)]).encode()
    ).hexdigest()
    own = _own_columns(layouts)
    labels = _labels([x.given for x in landed])
    groups: dict[tuple, list[int]] = defaultdict(list)
    for n, (file, shape) in enumerate(zip(landed, layouts, strict=True)):
        types = _parquet_types(file) if file.parquet else ()
        groups[shape.header, shape.version, file.parquet, types].append(n)
    con = engine(MEMORY)
    try:
        con.execute("SET preserve_insertion_order = false")
        con.execute(f"SET partitioned_write_flush_threshold = {ROWS_A_PART}")
        versions.register(con)
        con.create_function("kit_passed", meter.passed, ["UBIGINT"], "UBIGINT", type="arrow")
        with meter.watching() if meter.tell else nullcontext():
            for g, ((*_, types), members) in enumerate(groups.items()):
                some = [(landed[n], labels[n]) for n in members]
                shape = layouts[members[0]]
                _write_group(con, shape, some, types, own, delivery.source, identity, out / f"g{g}")
        meter.rows = meter.records
        meter.say()
        slices, rows = _slices(con, out)
        notes = _notes(con, out, layouts, labels)
        counted = _counted(landed, layouts, labels, rows)
    finally:
        con.close()
    _check_counts(delivery, landed, counted)
    files = tuple(
        SourceFile(x.given.name, x.sha256, x.bytes, counted[n], layouts[n].version)
        for n, x in enumerate(landed)
    )
    empty = [n for n, f in enumerate(files) if not f.rows]
    if len(empty) == len(files):
        raise BadInput(
            "a header and no charges",
            "at least one charge",
            "give the export of a month that has some",
            file=files[0].name,
        )
    notes += [f"{labels[n]} holds a header and no charges" for n in empty]
    columns = stored_columns() | dict.fromkeys(own, "VARCHAR")
    return Staged(
        delivery.source,
        delivery.delivered,
        identity,
        files,
        tuple(slices),
        delivery.declared,
        columns,
        (*delivery.notes, *notes),
    )


def _refuse_twice(landed: Sequence[Landed]) -> None:
    seen: dict[str, Landed] = {}
    for file in landed:
        for key in {file.sha256, file.content}:
            if other := seen.get(key):
                raise BadInput(
                    f"the same content as {other.given.name}",
                    "each file once: its charges would count twice",
                    "leave one of the two out",
                    file=file.given.name,
                )
        seen |= {file.sha256: file, file.content: file}


def _check_hashes(delivery: Delivery, landed: Sequence[Landed]) -> None:
    for n, said in delivery.expected:
        if said.sha256 and said.sha256 != landed[n].sha256:
            raise BadInput(
                f"its SHA-256 is {landed[n].sha256[:16]}…, the manifest says {said.sha256[:16]}…",
                "the file as the manifest was written for",
                "download it again: it is damaged, cut off or from another run",
                file=landed[n].given.name,
            )


def _check_counts(delivery: Delivery, landed: Sequence[Landed], counted: Sequence[int]) -> None:
    for n, said in delivery.expected:
        if said.rows is not None and said.rows != counted[n]:
            raise _incomplete(
                landed[n].given.name, f"{counted[n]:,} charges, where the manifest says {said.rows:,}"
            )
    if delivery.rows is not None and delivery.rows != sum(counted):
        raise _incomplete(
            landed[0].given.name,
            f"{sum(counted):,} charges in all files, where the manifest says {delivery.rows:,}",
        )


def _own_columns(layouts: Sequence[versions.Layout]) -> list[str]:
    """Providers' columns of all files, first spelling, sorted so that the order of files does not matter."""
    names: dict[str, str] = {}
    for shape in layouts:
        for name in shape.own:
            names.setdefault(name.casefold(), name)
    return [names[k] for k in sorted(names)]


def _labels(given: Sequence[Given]) -> list[str]:
    """A name for each file, unique in the delivery, without the way to it."""
    labels = [g.relative for g in given]
    for n, label in enumerate(labels):
        if labels.index(label) < n:
            labels[n] = f"{label} ({n + 1})"
    return labels


# --- reading ------------------------------------------------------------------------------------------------------


def _parquet_types(file: Landed) -> tuple[str, ...]:
    """DuckDB's types of a Parquet file, after reading all of it once through another library.

    A damaged page can end DuckDB's instance or give wrong values; pages with checksums are checked here.
    """
    from pyarrow import ArrowException, parquet

    name = file.given.name
    try:
        with parquet.ParquetFile(file.path, page_checksum_verification=True) as read:
            rows = sum(batch.num_rows for batch in read.iter_batches(batch_size=ROWS_A_PART))
            if rows != read.metadata.num_rows:
                raise ValueError(f"{rows} rows, not {read.metadata.num_rows}")
    except (ArrowException, OSError, ValueError) as problem:
        raise opening.damaged_parquet(name, problem) from problem
    import duckdb

    with duckdb.connect() as con:  # its own instance: a fatal error must not reach others
        try:
            found = con.execute(f"DESCRIBE SELECT * FROM read_parquet({listed([file.path])})").fetchall()
        except duckdb.Error as problem:
            raise opening.damaged_parquet(name, problem) from problem
    return tuple(f[1] for f in found)


def _texts(
    shape: versions.Layout,
    files: Sequence[Landed],
    types: Sequence[str],
    typed: Mapping[int, str] | None = None,
) -> str:
    """SQL of the files' values as texts c0, c1, … and ``filename``; those of `typed` in the store's type."""
    paths = listed(x.path for x in files)
    if not files[0].parquet:
        columns = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(len(shape.header)))
        nulls = ", ".join(text(n) for n in versions.NULLS)
        return (
            f"SELECT * FROM read_csv({paths}, columns = {{{columns}}}, auto_detect = false, header = true, delim = ',', "
            f"quote = '\"', escape = '\"', nullstr = [{nulls}], strict_mode = true, null_padding = false, "
            "ignore_errors = false, filename = true)"
        )
    typed = typed or {}
    names = [f"p{n}" for n in range(len(shape.header))]
    values = [
        f"{f'{name}::{typed[n]}' if n in typed else _parquet_text(name, kind)} AS c{n}"
        for n, (name, kind) in enumerate(zip(names, types, strict=True))
    ]
    return (
        f"SELECT {', '.join(values)}, filename FROM "
        f"read_parquet({paths}, filename = true) AS t({', '.join(names)}, filename)"
    )


def _typed(shape: versions.Layout, types: Sequence[str]) -> dict[int, str]:
    """Position -> the store's type, of the columns that a Parquet file's own types hold no less of."""
    columns = focus.columns()
    return {
        n: columns[c].sql_type
        for c, n in shape.known.items()
        if types and c in columns and versions.comes_typed(columns[c].kind, types[n])
    }


def _parquet_text(name: str, kind: str) -> str:
    """A Parquet value as text, exactly: shortest digits of a float, UTC of a time, JSON of a map or struct."""
    if kind == "VARCHAR":
        return f"CASE WHEN {name} NOT IN ('', 'NULL', 'null') THEN {name} END"
    if kind.startswith(("MAP", "STRUCT")) or kind.endswith("]"):
        return f"to_json({name})::VARCHAR"
    if kind == "BLOB":
        return f"decode({name})"
    return f"{name}::VARCHAR"


def _write_group(
    con: Any,
    shape: versions.Layout,
    files: Sequence[tuple[Landed, str]],
    types: Sequence[str],
    own: Sequence[str],
    source: str,
    identity: str,
    target: Path,
) -> None:
    import duckdb

    names = {str(x.path): label for x, label in files}
    given = [x for x, _ in files]
    typed = _typed(shape, types)
    sql = versions.select(shape, _texts(shape, given, types, typed), names, own, source, identity, typed)
    try:
        con.execute(
            f"COPY (SELECT * REPLACE (kit_passed(kit_part) AS kit_part) FROM ({sql})) TO {text(target)} "
            "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (kit_part), FILENAME_PATTERN 'part_{uuid}')"
        )
    except duckdb.Error as problem:
        raise _explained(con, shape, given, problem) from problem
    # a folder kit_part=… would become a column of whoever reads the files next
    for n, written in enumerate(sorted(target.rglob("*.parquet"))):
        written.rename(target.with_name(f"{target.name}-{n}.parquet"))
    shutil.rmtree(target, ignore_errors=True)


def _explained(con: Any, shape: versions.Layout, files: Sequence[Landed], problem: Exception) -> KitError:
    """The place of what the engine could not take."""
    import duckdb

    if isinstance(problem, duckdb.IOException) and "space" in str(problem).lower():
        return opening.full_disk()
    if isinstance(problem, duckdb.OutOfMemoryException):
        return Refused(
            f"not enough memory: {str(problem).splitlines()[0]}",
            f"{MEMORY} for reading",
            "close other programs, or give the delivery in smaller files; nothing was changed",
        )
    for file in files:
        if file.parquet:
            found = _explain_parquet(shape, file)
        else:
            found = explain.explain_csv(file.path, shape, file.given.name)
        if found:
            return found
    told = str(problem)
    if "Maximum line size" in told:
        row = re.search(r"Line: (\d+)", told)
        return BadInput(
            "a line of more than 2,000,000 bytes",
            "shorter lines; quotes that do not close can make one of many",
            explain.AGAIN,
            file=files[0].given.name if len(files) == 1 else None,
            row=int(row[1]) if row else None,
        )
    message = told.splitlines()[0][:300]
    for file in files:
        message = message.replace(str(file.path), file.given.name)
    return BadInput(
        f"the engine cannot read it: {message}",
        "FOCUS as CSV or Parquet",
        "report it with the first lines of the file",
        file=files[0].given.name if len(files) == 1 else None,
    )


def _explain_parquet(shape: versions.Layout, file: Landed) -> BadInput | None:
    import duckdb

    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        columns = ", ".join(f"c{n}" for n in range(len(shape.header)))
        try:
            result = con.execute(f"SELECT {columns} FROM ({_texts(shape, [file], _parquet_types(file))})")
            rows = iter(lambda: result.fetchmany(10_000), [])
            return explain.explain_rows((r for some in rows for r in some), shape, file.given.name)
        except duckdb.Error as problem:
            return opening.damaged_parquet(file.given.name, problem)


# --- what was written ---------------------------------------------------------------------------------------------


def _slices(con: Any, out: Path) -> tuple[list[StagedSlice], dict[str, int]]:
    """Slices with rows, exact totals and residue; rows of each source file."""
    files = sorted(out.rglob("*.parquet"))
    if not files:
        return [], {}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    rows_of: dict[str, int] = defaultdict(int)
    sums = ", ".join(f"coalesce(sum({c}), 0)" for c in COSTS)
    several: dict[str, set] = defaultdict(set)
    for row in con.execute(
        "SELECT filename, coalesce(BillingAccountId, ''), x_KitPeriod, coalesce(ServiceProviderName, ''), "
        f"coalesce(BillingCurrency, ''), x_KitFile, count(*), {sums} FROM {_written(files)} GROUP BY ALL"
    ).fetchall():
        file, account, period, provider, currency, label, rows, *costs = row
        several[file].add((account, period))
        one = found.setdefault((account, period), {"files": set(), "rows": 0, "totals": {}, "counts": {}})
        one["files"].add(Path(file))
        one["rows"] += rows
        rows_of[label] += rows
        totals: Totals = one["totals"].setdefault((provider, currency), dict.fromkeys(COSTS, Decimal(0)))
        for cost, amount in zip(COSTS, costs, strict=True):
            totals[cost] = CONTEXT.add(totals[cost], amount)
        one["counts"][provider, currency] = one["counts"].get((provider, currency), 0) + rows
    if mixed := [f for f, keys in several.items() if len(keys) > 1]:
        raise RuntimeError(f"a hash stands for two slices: {several[mixed[0]]}")
    residues = _residues(con, files)
    slices = [
        StagedSlice(
            account,
            period,
            tuple(sorted(one["files"])),
            one["rows"],
            one["totals"],
            residues.get((account, period), {}),
            one["counts"],
        )
        for (account, period), one in sorted(found.items())
    ]
    return slices, rows_of


def _written(files: Sequence[Path]) -> str:
    return f"read_parquet({listed(files)}, filename = true)"


def _residues(con: Any, files: Sequence[Path]) -> dict[tuple[str, str], dict[str, tuple[int, Decimal]]]:
    sums: dict[tuple[str, str, str], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    result = con.execute(
        "SELECT account, period, e.key, e.value FROM (SELECT coalesce(BillingAccountId, '') AS account, "
        f"x_KitPeriod AS period, unnest(map_entries(x_KitExact)) AS e FROM {_written(files)} WHERE x_KitExact IS NOT NULL)"
    )
    while some := result.fetchmany(50_000):  # in pieces: every value of a large month may have a residue
        for account, period, column, value in some:
            count, amount = sums[account, period, column]
            sums[account, period, column] = count + 1, CONTEXT.add(amount, versions.residue(value))
    found: dict[tuple[str, str], dict[str, tuple[int, Decimal]]] = defaultdict(dict)
    for (account, period, column), told in sums.items():
        found[account, period][column] = told
    return found


def _notes(con: Any, out: Path, layouts: Sequence[versions.Layout], names: Sequence[str]) -> list[str]:
    where: dict[str, list[str]] = defaultdict(list)
    for shape, name in zip(layouts, names, strict=True):
        for note in shape.notes:
            where[note].append(name)
    notes = [
        f"{note} ({len(files)} files)" if len(files) > 1 else f"{files[0]}: {note}"
        for note, files in where.items()
    ]
    files = sorted(out.rglob("*.parquet"))
    unknown = {n for shape in layouts for n in shape.other}
    if unknown:
        notes.append(f"unknown columns kept in x_KitOther: {', '.join(sorted(unknown))}")
    if not files:
        return notes
    kept = con.execute(
        f"SELECT e.key, count(*), min(e.value) FROM (SELECT unnest(map_entries(x_KitOther)) AS e FROM {_written(files)}) "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    for key, count, example in kept:
        if key in unknown:
            continue
        short = example if len(example) <= 60 else example[:57] + "…"
        charges = f"{count:,} charge{'s' * (count != 1)}"
        if key in versions.OLD_NAMES.values():
            notes.append(
                f"{key} and its new name disagree in {charges} (such as {short}): the new one was taken"
            )
        elif key == "Tags":
            notes.append(
                f"Tags of {charges} are no plain texts or have a key twice; their text is kept (such as {short})"
            )
        else:
            notes.append(
                f"{key} of {charges} was spelt {short}; read in the specification's spelling, the text is kept"
            )
    return notes


def _counted(
    landed: Sequence[Landed], layouts: Sequence[versions.Layout], labels: Sequence[str], rows: dict[str, int]
) -> list[int]:
    """Charges of each file, as written, after comparing them with a count that the engine had no part in."""
    counted = []
    for file, label in zip(landed, labels, strict=True):
        written = rows.get(label, 0)
        needed = file.records
        if (
            needed != written and not file.parquet
        ):  # blank lines, or quotes in plain values: the slow reader judges
            needed = explain.count(file.path)
        if needed != written:
            raise NotReconciled(
                f"{written:,} charges were written of {needed:,} in the file",
                "every charge",
                "report it: nothing was changed",
                file=file.given.name,
            )
        counted.append(written)
    return counted
