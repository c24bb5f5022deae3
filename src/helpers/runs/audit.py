"""Who saw what: one JSON line for each page shown or refused, without any cost in it.

The file is only ever added to. A line is one write of one line, so that several servers and batches can share a file;
everything that is not plain ASCII is written as an escape, so that no value can begin a line of its own or hide one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.runs.secrets import masked
from helpers.terms.errors import Refused

LONGEST = 200  # signs of a value
MOST = 40  # parameters of a line
OUTCOMES = ("shown", "refused", "denied", "stopped", "made", "changed", "logged in", "logged out")


@dataclass(frozen=True)
class Audit:
    """A file of audit lines.

    Attributes
    ----------
    path : Path
        Made where there is none, readable by its owner only.
    """

    path: Path

    def note(
        self,
        who: str,
        page: str,
        parameters: Mapping[str, str] | None = None,
        *,
        data: str = "",
        outcome: str = "shown",
        when: datetime | None = None,
        **more: str,
    ) -> None:
        """Add one line.

        Parameters
        ----------
        who : str
            The viewer's name.
        page : str
            Notebook, or route.
        parameters : mapping
            What was asked for, as text. What looks like a secret is masked.
        data : str
            Version of the store (`rights.version`).
        outcome : str
            One of `OUTCOMES`.
        when : datetime, optional
            With zone; the clock's when None.
        **more : str
            Such as ``way`` (in) or ``scope``.

        Raises
        ------
        Refused
            The line cannot be written: then nothing may be shown.
        """
        if outcome not in OUTCOMES:
            raise ValueError(outcome)
        line = {
            "when": (when or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds"),
            "who": _short(who),
            "page": _short(page),
            "parameters": {_short(k): _short(v) for k, v in list((parameters or {}).items())[:MOST]},
            "data": _short(data),
            "outcome": outcome,
        } | {_short(k): _short(v) for k, v in more.items()}
        self._append(json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n")

    def _append(self, line: bytes) -> None:
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)  # fmt: skip
            file = os.open(self.path, flags, 0o600)
            try:
                size = os.fstat(file).st_size
                if size and os.pread(file, 1, size - 1) != b"\n":
                    line = b"\n" + line  # a full disk cut the line before; ours begins anew
                if os.write(file, line) != len(line):
                    raise OSError(28, os.strerror(28))
            finally:
                os.close(file)
        except OSError as problem:
            raise Refused(
                f"the audit log cannot be written: {os.strerror(problem.errno or 0)}",
                "a file that this server may add to, on a disk with room",
                "tell whoever runs this server; nothing is shown meanwhile",
            ) from problem

    def lines(self) -> Iterator[dict[str, Any]]:
        """The lines so far, oldest first; one that a full disk cut is left out."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    continue


def _short(value: object) -> str:
    text = masked(str(value)[: 4 * LONGEST])
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
