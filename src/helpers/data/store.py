"""The store: a folder with a Delta Lake table of charges, companion tables, and every delivery's record.

``charges/`` the Delta table, ``companions/<name>/`` small ones, ``kit.json`` the format. Nothing else is needed; paths
inside are relative, so a store may be moved or copied. See docs/store.md.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import helpers
from helpers.data import delta, locks
from helpers.data.delivery import Staged, StagedSlice
from helpers.data.history import DataFile, DeliveryRecord, SliceChange, State, add_totals, replay
from helpers.terms import focus
from helpers.terms.errors import BadInput, Damaged, NotReconciled, Refused
from helpers.terms.money import plain

if TYPE_CHECKING:
    pass

FORMAT = 1
LAYOUT = "kit.json"
CHARGES = "charges"
COMPANIONS = "companions"
PARTITION = "x_KitSlice"

staging = locks.staging  # `sources.stage` writes its Parquet files in here


@dataclass(frozen=True)
class Outcome:
    """What an ingest did, or with ``dry_run`` would do.

    Attributes
    ----------
    done : str
        ``committed``, ``already held`` or ``would commit``.
    record : DeliveryRecord
        Its `slices` hold totals before and after.
    cleaned : tuple of str
        What a writer that died had left behind and this one removed.
    """

    done: str
    record: DeliveryRecord
    cleaned: tuple[str, ...] = ()

    @property
    def slices(self) -> tuple[SliceChange, ...]:
        """Each account's month that was (or would be) touched."""
        return self.record.slices


# --- writing ------------------------------------------------------------------------------------------------------


def ingest(
    store: Path | str,
    staged: Staged,
    *,
    replace: Iterable[str] = (),
    append: bool = False,
    accept_older: bool = False,
    dry_run: bool = False,
    now: datetime,
    timeout: float = 60.0,
) -> Outcome:
    """Put one delivery of one source into the store, whole, in one commit, or not at all.

    Parameters
    ----------
    store : Path
        Folder; made where there is none.
    staged : Staged
        Its Parquet files are moved into the store.
    replace : iterable of str
        Billing months that this delivery replaces, whatever it holds of them.
    append : bool
        Add to what is held of the other months instead of replacing it.
    accept_older : bool
        Take a delivery dated before the newest one held of its months.
    dry_run : bool
        Decide and report, write nothing.
    now : datetime
        Time of ingest, with zone.
    timeout : float, default 60
        How long to wait for another writer [s].

    Returns
    -------
    Outcome

    Raises
    ------
    Refused
        Where doing so could lose or double money: too small to replace what is held, older than what is held, months
        that another source holds too. Nothing has changed then.
    """
    store = Path(store)
    choice = _Choice(tuple(replace), append, accept_older)
    if dry_run:
        return _decide(staged, state_of(store) if exists(store) else State(), choice, now)
    with open_for_writing(store, now, timeout) as cleaned:
        outcome = _decide(staged, state_of(store), choice, now)
        if outcome.done == "would commit":
            outcome = Outcome("committed", _commit(store, staged, outcome.record))
        return Outcome(outcome.done, outcome.record, cleaned)


@contextmanager
def open_for_writing(store: Path, now: datetime, timeout: float) -> Iterator[tuple[str, ...]]:
    """Be the store's only writer, the store made if need be; yields what dead writers' leavings were removed."""
    _refuse_other_folder(store)
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise locks.unwritable(problem, store) from problem
    with locks.writing(store, timeout):
        try:
            _make(store, now)
            cleaned = _clean(store)
        except OSError as problem:
            raise locks.unwritable(problem, store) from problem
        yield cleaned


@dataclass(frozen=True)
class _Choice:
    replace: tuple[str, ...]
    append: bool
    accept_older: bool


def _decide(staged: Staged, state: State, choice: _Choice, now: datetime) -> Outcome:
    """Which slices the delivery replaces, appends to or begins; or a refusal. Writes nothing."""
    if not staged.slices:
        raise BadInput("a delivery without charges", "at least one charge", "give the files that hold them")
    keys = {slice_key(staged.source, s.account, s.period): s for s in staged.slices}
    held = [r for r in state.records if r.source == staged.source and r.id == staged.id]
    if held and all(any(r.id == staged.id for r, _ in state.parts.get(k, ())) for k in keys):
        return Outcome("already held", held[-1])
    _refuse_overlap(staged, state)
    if not choice.accept_older:
        _refuse_older(staged, keys, state, held)
    if choice.append:
        _refuse_twice(staged, state)
    _refuse_other_types(staged, state)
    changes, notes = [], list(staged.notes)
    for key, new in keys.items():
        changes.append(_change(staged, key, new, state, choice))
    for period in sorted({*staged.declared, *choice.replace}):
        for key, parts in state.parts.items():
            if parts[0][0].source == staged.source and parts[0][1].period == period and key not in keys:
                notes.append(
                    f"{period}: billing account {parts[0][1].account or '(none)'} is held but not in this delivery; kept"
                )
    removed = tuple(p for c in changes if c.action == "replaced" for p in state.files.get(c.key, {}))
    record = DeliveryRecord(
        kind="delivery",
        id=staged.id,
        source=staged.source,
        delivered=staged.delivered,
        ingested=now,
        kit=helpers.__version__,
        declared=tuple(sorted({*staged.declared, *choice.replace})),
        slices=tuple(changes),
        files=staged.files,
        removed=removed,
        columns=_own_columns(staged.columns),
        notes=tuple(notes),
    )
    return Outcome("would commit", record)


def _change(staged: Staged, key: str, new: StagedSlice, state: State, choice: _Choice) -> SliceChange:
    parts = state.parts.get(key, [])
    rows = sum(c.rows for _, c in parts)
    before = add_totals(c.totals for _, c in parts)
    declared = new.period in staged.declared or new.period in choice.replace
    if not parts:
        action = "new"
    elif declared or (not choice.append and _covers(new, rows, before)):
        action = "replaced"
    elif choice.append:
        action = "appended"
    else:
        raise Refused(
            f"{new.period}, billing account {new.account or '(none)'}: the delivery holds {_say(new.rows, new.totals)}; "
            f"the store holds {_say(rows, before)} of source {staged.source!r}",
            "at least half of the rows and of the billed total held, so that a correction cannot wipe a month",
            f"--replace {new.period} if the delivery is the whole month, or --append if it comes on top",
            file=staged.files[0].name if staged.files else None,
        )
    return SliceChange(key, new.account, new.period, action, new.rows, new.totals, new.residue, rows, before)


def _covers(new: StagedSlice, rows: int, before: dict) -> bool:
    """At least half of the rows, and of each currency's billed total, that are held."""
    if new.rows * 2 < rows:
        return False
    held, given = _billed(before), _billed(new.totals)
    for currency, amount in held.items():
        twice = given.get(currency, Decimal(0)) * 2
        if (amount > 0 and twice < amount) or (amount < 0 and twice > amount):
            return False
    return True


def _billed(totals: dict) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for (_, currency), costs in totals.items():
        sums[currency] = sums.get(currency, Decimal(0)) + costs["BilledCost"]
    return sums


def _say(rows: int, totals: dict) -> str:
    billed = ", ".join(f"{plain(amount)} {currency}" for currency, amount in sorted(_billed(totals).items()))
    return f"{rows:,} row{'s' * (rows != 1)} billed {billed}"


def _refuse_overlap(staged: Staged, state: State) -> None:
    others: dict[tuple[str, str, str], str] = {}
    for parts in state.parts.values():
        for record, change in parts:
            if record.source != staged.source:
                for provider, _ in change.totals:
                    others[provider, change.account, change.period] = record.source
    for new in staged.slices:
        for provider, _ in new.totals:
            other = others.get((provider, new.account, new.period))
            if other is not None:
                raise Refused(
                    f"sources {other!r} and {staged.source!r} both hold {provider}, billing account "
                    f"{new.account or '(none)'}, {new.period}",
                    "one source for each provider, billing account and month: two would count the charges twice",
                    f"ingest it --as {other!r} if it is the same export, or keep it in another store",
                    file=staged.files[0].name if staged.files else None,
                )


def _refuse_older(
    staged: Staged, keys: dict[str, StagedSlice], state: State, held: list[DeliveryRecord]
) -> None:
    # A delivery that was held and replaced since comes back with its first date, not with today's.
    dated = min([staged.delivered, *(r.delivered for r in held)])
    for key, new in keys.items():
        for record, _ in state.parts.get(key, ()):
            superseded = bool(held) and record.id != staged.id
            if record.delivered > dated or (superseded and record.version > held[-1].version):
                raise Refused(
                    f"a delivery of source {staged.source!r} dated {dated} for {new.period}, where one dated "
                    f"{record.delivered} is held",
                    "the newest state of each month",
                    "leave it, or give --accept-older if the older one is the right one",
                    file=staged.files[0].name if staged.files else None,
                )


def _refuse_twice(staged: Staged, state: State) -> None:
    live = {f.sha256: (r, f) for r in state.deliveries if r.source == staged.source for f in r.files}
    for file in staged.files:
        if file.sha256 in live:
            record, other = live[file.sha256]
            raise Refused(
                f"the same bytes are held already, as {other.name} in the delivery of {record.delivered}",
                "files that are not in the store yet: appended, their charges would count twice",
                "leave this file out of the delivery",
                file=file.name,
            )


def _refuse_other_types(staged: Staged, state: State) -> None:
    known = {n: kind for r in state.records for n, kind in r.columns.items()}
    by_fold = {n.casefold(): n for n in (*stored_columns(), *known)}
    for name, kind in _own_columns(staged.columns).items():
        other = by_fold.get(name.casefold(), name)
        if other != name or known.get(name, kind) != kind:
            raise Refused(
                f"column {name} of type {kind}, where the store holds {other} of type "
                f"{known.get(other) or stored_columns()[other]}",
                "the same name and type in every delivery, since other engines ask for both",
                "rename the column in the export",
                column=name,
            )


def _commit(store: Path, staged: Staged, record: DeliveryRecord) -> DeliveryRecord:
    tag = f"{record.id[:12]}-{_version(store) + 1}"
    moves = [
        (Path(file), f"data/{new.period}/{tag}-{i}-{n}.parquet", change.key)
        for i, (new, change) in enumerate(zip(staged.slices, record.slices, strict=True))
        for n, file in enumerate(new.files)
    ]
    schema = _schema(staged.columns)
    expected = {c.key: c.rows for c in record.slices}
    return move_and_commit(store, store / CHARGES, moves, record, PARTITION, schema, expected)


def move_and_commit(
    store: Path,
    table: Path,
    moves: list[tuple[Path, str, str]],
    record: DeliveryRecord,
    partition: str | None,
    schema: Any,
    expected: dict[str, int],
) -> DeliveryRecord:
    """Move staged files into a table and commit them with the record; call it while `locks.writing`.

    A journal names the targets before the first move, so that whoever writes next can remove what a killed process
    has moved but not committed. A failure that can be caught is undone here.
    """
    from deltalake.exceptions import DeltaError

    with locks.staging(store) as folder:
        targets = [table / path for _, path, _ in moves]
        try:
            added = tuple(delta.describe(file, path, key) for file, path, key in moves)
            _refuse_lost_rows(added, expected)
            record = replace(record, added=added)
            journal = folder / locks.JOURNAL
            journal.write_text(json.dumps([t.relative_to(store).as_posix() for t in targets]), "utf-8")
            locks.sync(journal)
            locks.sync(folder)
            for (file, _, _), target in zip(moves, targets, strict=True):
                _move(file, target)
            for parent in {t.parent for t in targets}:
                locks.sync(parent)
            delta.commit(table, record, partition=partition, schema=schema)
        except BaseException as problem:
            if not _committed(table, record):
                for target in targets:
                    target.unlink(missing_ok=True)
                if isinstance(problem, OSError):
                    raise locks.unwritable(problem, store) from problem
                if isinstance(problem, DeltaError):
                    raise locks.unwritable(OSError(str(problem)), store) from problem
                raise
            if not isinstance(problem, Exception):
                raise
    return replace(record, version=delta.open_table(table).version())


def _move(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(file, target)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        shutil.copyfile(file, target)  # staged on another file system
        locks.sync(target)


def _committed(table: Path, record: DeliveryRecord) -> bool:
    return any(f.path in delta.paths(table) for f in record.added[:1])


def _refuse_lost_rows(added: tuple[DataFile, ...], expected: dict[str, int]) -> None:
    for key, rows in expected.items():
        written = sum(f.rows for f in added if f.slice == key)
        if written != rows:
            raise NotReconciled(
                f"{key}: {written:,} rows were written, {rows:,} were read",
                "every row of the source",
                "try again; if it comes back, report it with the file's first lines",
            )


def _clean(store: Path) -> tuple[str, ...]:
    """Remove what writers that died have left: staging folders, and files moved but never committed."""
    dead = locks.leftovers(store)
    if not dead:
        return ()
    said = []
    for folder in dead:
        journal = folder / locks.JOURNAL
        orphans = []
        if journal.is_file():
            known = _known_paths(store)
            try:
                listed = json.loads(journal.read_text(encoding="utf-8"))
            except ValueError:  # killed while writing it: nothing was moved yet
                listed = []
            orphans = [store / p for p in listed if p not in known and (store / p).is_file()]
            for orphan in orphans:
                orphan.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        said.append(
            f"a writer that died left {folder.relative_to(store).as_posix()}"
            + (f" and {len(orphans)} uncommitted file{'s' * (len(orphans) != 1)}" if orphans else "")
            + "; removed"
        )
    return tuple(said)


def _known_paths(store: Path) -> set[str]:
    """Every file that any commit of any table has ever added, relative to the store."""
    return {
        f"{table.relative_to(store).as_posix()}/{f.path}"
        for table in tables(store)
        for r in delta.records(table)
        for f in r.added
    }


def _schema(columns: dict[str, str]) -> Any:
    """Arrow schema of DuckDB types."""
    import duckdb

    nothing = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in columns.items())
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        return con.sql(f"SELECT {nothing} LIMIT 0").to_arrow_table().schema


def quoted(name: str) -> str:
    """An identifier as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def stored_columns() -> dict[str, str]:
    """Columns that every store has -> DuckDB type: FOCUS 1.4 and the kit's stored ones."""
    return {c.id: c.sql_type for c in focus.columns().values()} | {
        name: kind for name, (kind, _) in focus.STORED_KIT_COLUMNS.items()
    }


def _own_columns(columns: dict[str, str]) -> dict[str, str]:
    standard = stored_columns()
    return {name: kind for name, kind in columns.items() if name not in standard}


# --- layout -------------------------------------------------------------------------------------------------------


def slice_key(source: str, account: str, period: str) -> str:
    """The unit that a delivery replaces, as it stands in ``x_KitSlice``."""
    return f"{source}|{account}|{period}"


def exists(store: Path | str) -> bool:
    """Whether the folder is a store that this kit can read; a newer or broken one is refused."""
    layout = Path(store) / LAYOUT
    if not layout.is_file():
        if (Path(store) / CHARGES / "_delta_log").is_dir() and delta.is_table(Path(store) / CHARGES):
            raise Damaged(
                f"no {LAYOUT}, though there is a table of charges",
                "the whole folder as the kit wrote it",
                "copy the store again with all its files",
                file=str(layout),
            )
        return False
    try:
        found = int(json.loads(layout.read_text(encoding="utf-8"))["format"])
    except (ValueError, KeyError, TypeError) as problem:
        raise Damaged(
            "the store's format cannot be read",
            f'a file like {{"format": {FORMAT}}}',
            "restore it from a copy of the store",
            file=str(layout),
        ) from problem
    if found > FORMAT:
        raise Refused(
            f"a store of format {found}",
            f"format {FORMAT} or earlier: this is kit {helpers.__version__}",
            "use the newer kit that wrote it (pip install --upgrade finops-playbook-kit)",
            file=str(store),
        )
    if found < FORMAT:
        raise Refused(
            f"a store of format {found}",
            f"format {FORMAT}",
            "finops history --upgrade",
            file=str(store),
        )
    return True


def tables(store: Path) -> list[Path]:
    """Every Delta table of the store, charges first."""
    found = [store / CHARGES, *sorted((store / COMPANIONS).glob("*"))]
    return [t for t in found if delta.is_table(t)]


def _make(store: Path, now: datetime) -> None:
    """Lay the store out; call it while `locks.writing`."""
    if exists(store):
        return
    delta.create(store / CHARGES, _schema(stored_columns()), [PARTITION])
    part = store / f".{LAYOUT}"
    part.write_text(
        json.dumps({"format": FORMAT, "created": now.isoformat(), "kit": helpers.__version__}) + "\n", "utf-8"
    )
    locks.sync(part)
    os.rename(part, store / LAYOUT)
    locks.sync(store)


def _refuse_other_folder(store: Path) -> None:
    if store.is_dir() and not exists(store):
        others = [p.name for p in store.iterdir() if not p.name.startswith(".") and p.name != CHARGES]
        if others:
            raise Refused(
                f"a folder with other files in it ({others[0]!r})",
                "an empty folder or a store",
                "give a new folder with --to",
                file=str(store),
            )


def _version(store: Path) -> int:
    return delta.open_table(store / CHARGES).version()


def need(store: Path | str) -> Path:
    """The store's folder, or a refusal that says how to make one."""
    store = Path(store)
    if not exists(store):
        raise Refused(
            "no store",
            "a folder that finops ingest has made",
            "finops ingest FILE… --to this folder (finops sample makes an example to ingest)",
            file=str(store),
        )
    return store


# --- reading ------------------------------------------------------------------------------------------------------


def state_of(store: Path | str, as_of: date | None = None) -> State:
    """Files and deliveries that are live, as of a day or now."""
    return replay(delta.records(Path(store) / CHARGES), as_of)


def history(store: Path | str, as_of: date | None = None) -> list[DeliveryRecord]:
    """Every delivery and piece of upkeep in commit order; with `as_of` the deliveries dated up to that day."""
    found = delta.records(need(store) / CHARGES)
    return [r for r in found if as_of is None or (r.kind == "delivery" and r.delivered <= as_of)]


def vacuumed_until(store: Path, as_of: date | None) -> date | None:
    """The day from which history is kept, where `as_of` lies before it."""
    kept = [r.delivered for r in delta.records(store / CHARGES) if r.kind == "vacuum"]
    return max(kept) if as_of and kept and as_of < max(kept) else None


def refuse_vacuumed(store: Path, as_of: date | None) -> None:
    """Say that a state is gone on purpose, where it is."""
    kept = vacuumed_until(store, as_of)
    if kept:
        raise Refused(
            f"the state as of {as_of} was removed by finops history --vacuum {kept}",
            f"a day from {kept} on",
            f"--as-of {kept} or later",
            file=str(store),
        )
