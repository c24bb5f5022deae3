"""Where things stand in a store's folder, its format, and the columns every store has."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import helpers
from helpers.data import delta, locks
from helpers.data.history import State, replay
from helpers.terms import focus
from helpers.terms.errors import Damaged, Refused

FORMAT = 1
LAYOUT = "kit.json"
CHARGES = "charges"
COMPANIONS = "companions"
PARTITION = "x_KitSlice"
URL_SIGNS = "?#%"


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


def make(store: Path, now: datetime) -> None:
    """Lay the store out, or finish what a killed writer began; call it while `locks.writing`."""
    if not exists(store):
        part = store / f".{LAYOUT}"
        created = {"format": FORMAT, "created": now.isoformat(), "kit": helpers.__version__}
        part.write_text(json.dumps(created) + "\n", "utf-8")
        locks.sync(part)
        part.rename(store / LAYOUT)
        locks.sync(store)
    if not delta.is_table(store / CHARGES):
        delta.create(store / CHARGES, arrow_schema(stored_columns()), [PARTITION])


def refuse_other_folder(store: Path) -> None:
    """A mistyped --to must not turn somebody's folder into a store; nor can every name be one's."""
    odd = sorted(set(URL_SIGNS) & set(str(store.resolve())))
    if odd and not exists(store):
        raise Refused(
            f"a path with {' and '.join(odd)} in it",
            f"a path without any of {' '.join(URL_SIGNS)}: the Delta library takes them for parts of a URL",
            "give another folder with --to",
            file=str(store),
        )
    if store.is_dir() and not exists(store):
        others = [p.name for p in store.iterdir() if not p.name.startswith(".")]
        if others:
            raise Refused(
                f"a folder with other files in it ({others[0]!r})",
                "an empty folder or a store",
                "give a new folder with --to",
                file=str(store),
            )


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


def arrow_schema(columns: dict[str, str]) -> Any:
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


def own_columns(columns: dict[str, str]) -> dict[str, str]:
    """Those that a provider brought."""
    standard = stored_columns()
    return {name: kind for name, kind in columns.items() if name not in standard}


def state_of(store: Path | str, as_of: date | None = None) -> State:
    """Files and deliveries that are live, as of a day or now."""
    return replay(delta.records(Path(store) / CHARGES), as_of)


def refuse_vacuumed(store: Path, state: State, as_of: date | None) -> None:
    """Say that a state is gone on purpose, where it is."""
    kept = state.kept_since
    if as_of and kept and as_of < kept:
        raise Refused(
            f"the state as of {as_of} was removed by finops history --vacuum {kept}",
            f"a day from {kept} on",
            f"--as-of {kept} or later",
            file=str(store),
        )
