"""What passes between reading files (`sources`) and keeping them (`store`): plain records, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path

Totals = dict[str, Decimal]  # one exact sum for each of terms.focus.COSTS


@dataclass(frozen=True)
class SourceFile:
    """One file as it was given.

    Attributes
    ----------
    name : str
        As the user gave it (path or URL): the name in messages.
    sha256 : str
        Of the bytes as delivered (compressed where it is).
    bytes : int
    rows : int
        Charges counted in it.
    version : str
        FOCUS version recognised, 1.0 to 1.4.
    """

    name: str
    sha256: str
    bytes: int
    rows: int
    version: str


@dataclass(frozen=True)
class StagedSlice:
    """The charges of one billing account and billing period in one delivery, typed and raised to 1.4.

    Attributes
    ----------
    account, period : str
        BillingAccountId and billing month ``YYYY-MM``.
    files : tuple of Path
        Parquet files, already of the store's columns, holding this slice only.
    rows : int
    totals : dict
        (provider, currency) -> Totals, exact, of the values as stored.
    residue : dict
        column -> (count, sum of source minus stored) of values with more than 18 places.
    counts : dict
        (provider, currency) -> rows; may be left out where there is one pair only.
    """

    account: str
    period: str
    files: tuple[Path, ...]
    rows: int
    totals: dict[tuple[str, str], Totals]
    residue: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Staged:
    """One delivery of one source, read and checked, not yet in any store.

    Attributes
    ----------
    source : str
        Name of the export.
    delivered : date
        From the manifest, else the day of ingest (UTC).
    id : str
        Hash of source and files: the same delivery has the same id.
    files : tuple of SourceFile
    slices : tuple of StagedSlice
    declared : tuple of str
        Billing months that the delivery says it is whole for (manifest, folder, ``--period``).
    columns : dict
        Every stored column -> DuckDB type, provider ``x_`` columns included.
    notes : tuple of str
        Sentences about what was raised, renamed, left null or disagreed.
    """

    source: str
    delivered: date
    id: str
    files: tuple[SourceFile, ...]
    slices: tuple[StagedSlice, ...]
    declared: tuple[str, ...]
    columns: dict[str, str]
    notes: tuple[str, ...] = ()
