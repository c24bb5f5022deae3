"""The embedded engine: a DuckDB instance of one's own, texts it takes safely, and the lock that shuts it in."""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4

from helpers.terms.errors import Damaged


def listed(files: Iterable[Path]) -> str:
    """Paths as an SQL list of patterns, each of which means its own file only."""
    return "[" + ", ".join(text(pattern(f)) for f in files) + "]"


def pattern(file: Path) -> str:
    """The glob pattern that matches this file and no other: DuckDB takes every path to read for a pattern."""
    return glob.escape(str(file))


def text(value: object) -> str:
    """A value as an SQL text, whatever it holds."""
    return "'" + str(value).replace("'", "''") + "'"


def unreadable(problem: Exception) -> Damaged:
    """What the engine's refusal to read a store file means to a person."""
    return Damaged(
        f"a file of the store cannot be read: {str(problem).splitlines()[0]}",
        "the files as their deliveries wrote them",
        "finops check --deep names the file; restore it from a copy, or ingest the sources again into a new store",
    )


def engine(memory: str = "1GB", threads: int | None = None) -> Any:
    """A DuckDB connection with an instance of its own, in UTC, not yet locked."""
    import duckdb

    spill = Path(tempfile.gettempdir()) / f"finops-{uuid4().hex}"
    con = duckdb.connect(":memory:")
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SET memory_limit = ?", [memory])
    con.execute("SET temp_directory = ?", [str(spill)])
    con.execute("SET enable_progress_bar = false")  # it would stand among a notebook's outputs, or in a log
    con.execute("SET parquet_metadata_cache = true")  # committed files never change
    if threads:
        con.execute("SET threads = ?", [threads])
    return con


def lock(con: Any, files: Iterable[Path]) -> None:
    """Shut a connection's way to anything but these files, for reading only, for good."""
    # Paths may be read; an allowed folder could be written. DuckDB asks for the pattern, then for the file it matched.
    allowed = sorted({text(name) for f in files for name in (f, pattern(f))})
    con.execute(f"SET allowed_paths = [{', '.join(allowed)}]")
    for setting, value in (
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("allow_community_extensions", "false"),
        ("python_enable_replacements", "false"),
        ("enable_external_access", "false"),
        ("lock_configuration", "true"),
    ):
        con.execute(f"SET {setting} = {value}")
