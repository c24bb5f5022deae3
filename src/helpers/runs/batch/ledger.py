"""The ledger: one JSON line for each thing that happened in a batch, only ever added to.

The reports' own manifests say what is there; the ledger says how it came about. A line that a killed process left half
written is skipped, and the next line begins on a line of its own. Order is the order of the lines: a clock that jumps or
a summer time that begins changes the hour that is noted and nothing else.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.runs.secrets import clean

NAME = "ledger.jsonl"
RESERVE = 64_000  # bytes kept free for the ledger's last words on a full disk


class Ledger:
    """A batch's ledger, open for writing by the one process that holds the batch's lock."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._reserve = folder / ".reserve"
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")  # what a killed process left half written stays a line of its own
        self._number = sum(1 for _ in read(self.path))
        with suppress(OSError):
            if not self._reserve.exists() or self._reserve.stat().st_size < RESERVE:
                self._reserve.write_bytes(b"\0" * RESERVE)

    def add(self, event: str, **fields: Any) -> None:
        """Write one line; it is on disk when this returns."""
        self._number += 1
        told = {
            "n": self._number,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "event": event,
        } | fields
        line = (json.dumps(clean(told), ensure_ascii=False, default=str) + "\n").encode("utf-8", "replace")
        try:
            self._write(line)
        except OSError as problem:
            if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._reserve.unlink(missing_ok=True)  # the disk is full: this is what the reserve is for
            self._write(b"\n" + line)

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)

    def close(self) -> None:
        """Close it, and give the reserved space back."""
        os.close(self._file)
        with suppress(OSError):
            self._reserve.unlink(missing_ok=True)


def read(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines, oldest first."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        for line in file:
            with suppress(ValueError):
                found = json.loads(line)
                if isinstance(found, dict) and "event" in found:
                    yield found


def latest(path: Path) -> dict[str, dict[str, Any]]:
    """Of each report its last line that says how it ended, by folder; deliveries of that run under ``sent``."""
    found: dict[str, dict[str, Any]] = {}
    for line in read(path):
        folder = line.get("report")
        if folder is None:
            continue
        if line["event"] in ("done", "found", "failed", "doubted"):
            found[folder] = line | {"sent": {}}
        elif line["event"] == "delivered" and folder in found and found[folder].get("run") == line.get("run"):
            found[folder]["sent"][line["delivery"]] = line
    return found
