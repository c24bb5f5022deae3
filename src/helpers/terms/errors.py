"""One small tree of errors, and the table of exit codes.

A message says what was found, what was needed and the remedy, with file, row and column where there is one.
Everything the kit refuses is a `KitError`; anything else that reaches a person is a bug.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DONE, FINDINGS, USAGE, NOT_RECONCILED, DAMAGED, REFUSED, UNFINISHED = 0, 1, 2, 3, 4, 5, 6

EXIT_CODES = {
    DONE: "done",
    FINDINGS: "findings (check only)",
    USAGE: "usage: the command's words are off",
    NOT_RECONCILED: "not reconciled: a total differs from its source",
    DAMAGED: "damaged: a file of the store is missing or changed",
    REFUSED: "refused or failed, nothing changed",
    UNFINISHED: "unfinished: a batch lacks some of its reports or deliveries; the others are whole",
}


class KitError(Exception):
    """What the kit says to a person when it stops.

    Parameters
    ----------
    found : str
        What was found, with the value.
    needed : str
        What was needed instead.
    remedy : str
        What the person can do about it.
    file, column : str, optional
        Where. A file is named as the user gave it.
    row : int, optional
        Line of the file, the header being line 1.
    """

    code = REFUSED

    def __init__(
        self,
        found: str,
        needed: str = "",
        remedy: str = "",
        *,
        file: str | None = None,
        row: int | None = None,
        column: str | None = None,
    ) -> None:
        self.found, self.needed, self.remedy = found, needed, remedy
        self.file, self.row, self.column = file, row, column
        super().__init__(str(self))

    @property
    def place(self) -> str:
        """Where it is, as far as known: ``file, row 7, column BilledCost``."""
        parts = [
            self.file,
            f"row {self.row}" if self.row is not None else None,
            f"column {self.column}" if self.column else None,
        ]
        return ", ".join(p for p in parts if p)

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.found}" if self.place else self.found]
        if self.needed:
            lines.append(f"  needed: {self.needed}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)

    def __reduce__(self):  # carried from a child process to its parent
        return (
            _rebuild,
            (type(self), self.found, self.needed, self.remedy, self.file, self.row, self.column),
        )

    def record(self) -> dict[str, object]:
        """The same as plain data, for ``--json`` and the failure record."""
        fields = ("found", "needed", "remedy", "file", "row", "column")
        return {"error": type(self).__name__, "code": self.code} | {f: getattr(self, f) for f in fields}

    @classmethod
    def told(cls, record: Mapping[str, Any]) -> KitError:
        """One of this kind from a record that another process wrote down."""
        said = (str(record.get(f) or "") for f in ("found", "needed", "remedy"))
        return cls(*said, **{f: record.get(f) for f in ("file", "row", "column")})


def _rebuild(kind, found, needed, remedy, file, row, column):
    return kind(found, needed, remedy, file=file, row=row, column=column)


class UsageError(KitError):
    """The command's words, a parameter's name, type or value are off."""

    code = USAGE


class NotReconciled(KitError):
    """A total of the store or report differs from its source."""

    code = NOT_RECONCILED


class Damaged(KitError):
    """A file of the store is missing, moved or not what was written."""

    code = DAMAGED


class Refused(KitError):
    """Nothing was changed, because doing so could lose or double money."""


class BadInput(Refused):
    """A source file cannot be taken; the place and the remedy are named."""


class RunFailed(KitError):
    """A report stopped: which cell, why, and where its notebook is kept."""


class NotDelivered(KitError):
    """A report that did not reach those who read it; it is as it was, and the next run tries again."""


class Unfinished(KitError):
    """A batch that lacks some of its reports or deliveries: they failed, or it was stopped; the others are whole."""

    code = UNFINISHED


def kind(name: object) -> type[KitError] | None:
    """The class of this name, as `KitError.record` writes it; None where there is none.

    Examples
    --------
    >>> kind("Damaged").told({"found": "a file is gone", "row": 7}).row, kind("SystemExit")
    (7, None)
    """
    found: Any = globals().get(str(name))
    return found if isinstance(found, type) and issubclass(found, KitError) else None
