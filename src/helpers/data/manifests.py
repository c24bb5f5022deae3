"""What an export says of itself: manifests of AWS Data Exports, Microsoft Cost Management, and the kit's own form.

References
----------
AWS Data Exports, understanding export delivery,
https://docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html;
Microsoft Cost Management, improved exports,
https://learn.microsoft.com/azure/cost-management-billing/costs/tutorial-improved-exports (both read 2026-11-24).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from helpers.data.opening import Given, stream
from helpers.terms.errors import BadInput

FOLDER_MONTH = re.compile(r"(?:^|/)(?:BILLING_PERIOD=)(\d{4}-(?:0[1-9]|1[0-2]))(?=/|$)", re.IGNORECASE)
FOLDER_SPAN = re.compile(r"(?:^|/)(\d{4})(0[1-9]|1[0-2])01-(\d{4})(0[1-9]|1[0-2])(\d{2})(?=/|$)")


@dataclass(frozen=True)
class Listed:
    """A file that a manifest lists: its path or name, and what is said of it."""

    path: str
    rows: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Manifest:
    """What a manifest says; what it does not say is empty.

    Attributes
    ----------
    name : str
        The manifest's own file.
    source : str
    delivered : date or None
    periods : tuple of str
        Billing months it is whole for.
    files : tuple of Listed
    rows : int or None
        Of all files.
    version : str or None
        FOCUS version.
    """

    name: str
    source: str = ""
    delivered: date | None = None
    periods: tuple[str, ...] = ()
    files: tuple[Listed, ...] = ()
    rows: int | None = None
    version: str | None = None


def is_manifest(given: Given) -> bool:
    """By its name: ``manifest.json`` or AWS's ``<export>-Manifest.json``."""
    return given.base == "manifest.json" or given.base.endswith("-Manifest.json")


def read(given: Given) -> Manifest:
    """Read a manifest of any of the three kinds.

    Raises
    ------
    BadInput
        No JSON, or not one of them.
    """
    with stream(given) as pieces:
        raw = b"".join(pieces)
    try:
        data = json.loads(raw)
        if not isinstance(data, dict):
            raise ValueError("no JSON object")
        if "blobs" in data:
            return _microsoft(given, data)
        if "dataFiles" in data or "reportKeys" in data:
            return _aws(given, data)
        if "files" in data and "source" in data:
            return _own(given, data)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise BadInput(
            f"the manifest cannot be read: {type(problem).__name__}: {problem}",
            "the manifest as the export wrote it",
            "download it again, or give the data files without it",
            file=given.name,
        ) from problem
    raise BadInput(
        "a manifest of an unknown kind",
        "one of AWS Data Exports, of Microsoft Cost Management, or the kit's own (source, delivered, periods, files)",
        "give the data files without it",
        file=given.name,
    )


def _own(given: Given, data: dict[str, Any]) -> Manifest:
    periods = [str(p) for p in data.get("periods", [])]
    for p in periods:
        if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", p):
            raise ValueError(f"period {p!r} is no YYYY-MM")
    files = tuple(
        Listed(f["path"], None if f.get("rows") is None else int(f["rows"]), f.get("sha256"))
        for f in data["files"]
    )
    delivered = date.fromisoformat(data["delivered"]) if data.get("delivered") else None
    return Manifest(
        given.name,
        str(data["source"]),
        delivered,
        tuple(periods),
        files,
        data.get("rows"),
        data.get("version"),
    )


def _microsoft(given: Given, data: dict[str, Any]) -> Manifest:
    run, export = data.get("runInfo") or {}, data.get("exportConfig") or {}
    files = tuple(Listed(b["blobName"], b.get("dataRowCount")) for b in data["blobs"])
    said = export.get("dataVersion") or ""
    version = re.match(r"1\.\d", str(said))
    submitted = run.get("submittedTime")
    return Manifest(
        given.name,
        str(export.get("exportName") or ""),
        _day(submitted) if submitted else None,
        tuple(_months(run["startDate"], run["endDate"])) if {"startDate", "endDate"} <= run.keys() else (),
        files,
        data.get("dataRowCount"),
        version[0] if version else None,
    )


def _aws(given: Given, data: dict[str, Any]) -> Manifest:
    listed = data.get("dataFiles") or data.get("reportKeys") or []
    files = tuple(Listed(f if isinstance(f, str) else f["filePath"]) for f in listed)
    name = given.base.removesuffix("-Manifest.json") if given.base != "manifest.json" else ""
    place = f"{given.url}/{' '.join(f.path for f in files)}".replace(" ", "/")
    periods = sorted({m[1] for m in FOLDER_MONTH.finditer(place)})
    return Manifest(given.name, name, None, tuple(periods), files)


def _day(text: str) -> date:
    return datetime.fromisoformat(text[:10]).date()


def _months(start: str, end: str) -> Iterator[str]:
    """Months that begin and end within the run's dates; an open month counts as far as it was delivered."""
    first, last = _day(start), _day(end)
    at = first.replace(day=1)
    while at <= last:
        if at >= first:
            yield f"{at:%Y-%m}"
        at = (at.replace(day=28) + _FOUR_DAYS).replace(day=1)


_FOUR_DAYS = date(2000, 1, 5) - date(2000, 1, 1)


def folder_months(root: str) -> tuple[str, ...]:
    """Months that a folder's own name says it is whole for."""
    path = root.replace("\\", "/").rstrip("/")
    months = {m[1] for m in FOLDER_MONTH.finditer(path)}
    for m in FOLDER_SPAN.finditer(path):
        if (m[1], m[2]) == (m[3], m[4]):
            months.add(f"{m[1]}-{m[2]}")
    return tuple(sorted(months))
