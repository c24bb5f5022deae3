"""``actions.csv``: the month's actions as a table that a spreadsheet or a ticket system takes.

Texts come from charges (names of providers, accounts, services), so a spreadsheet must not run them: a text cell that
begins like a formula gets an apostrophe before it, which spreadsheets show as text. Amounts are numbers by type, never
text, and stay as they are, also below zero.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.terms.money import plain

if TYPE_CHECKING:
    from helpers.catalog.playbooks import Action

COLUMNS = ("id", "title", "why", "do", "value_per_month", "currency", "owner", "due", "kpi", "provider")
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def write_csv(actions: Iterable[Action], path: Path | str) -> Path:
    """Write actions as CSV, UTF-8, in their order, header always.

    Parameters
    ----------
    actions : iterable of Action
    path : Path
        Replaced as a whole: a reader sees the old file or the new one.

    Returns
    -------
    Path

    Examples
    --------
    >>> write_csv([], "actions.csv")  # doctest: +SKIP
    """
    path = Path(path)
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for a in actions:
        cells = (
            a.id,
            a.title,
            a.why,
            a.do,
            a.value,
            a.currency,
            a.owner,
            a.due.isoformat(),
            a.kpi,
            a.scope.get("provider", ""),
        )
        lines.writerow([safe_cell(c) for c in cells])
    half = path.with_name(f".{path.name}.part")
    half.write_text(text.getvalue(), encoding="utf-8", newline="")
    return half.replace(path)


def safe_cell(value: object) -> str:
    """One cell: a number with all its digits, a text that no spreadsheet runs, nothing for None.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell(Decimal("-2.50")), safe_cell(None)
    ("'=1+1", '-2.5', '')
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    text = str(value)
    return f"'{text}" if text.lstrip(" \u00a0").startswith(STARTS) else text


def table_text(frame: Any) -> str:
    """A table (DataFrame) as CSV text, numbers with all their digits, no text that a spreadsheet runs."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow([safe_cell(str(c)) for c in frame.columns])
    for row in frame.itertuples(index=False):
        lines.writerow([safe_cell(None if cell != cell else cell) for cell in row])  # NaN is no number
    return text.getvalue()
