"""Emission factors of the charge's own year, each with an id, a source and a range; what no table says is a gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from helpers.models.carbon_units import intensity
from helpers.terms.errors import BadInput

SHORT = {"aws": "AWS", "amazon": "AWS", "microsoft": "Microsoft", "azure": "Microsoft", "google": "Google"}
OLD = 2  # years beyond which a factor is old
SPAN = 4  # years of factors that make a range
RATIOS = {"cfe": (0, 1), "use": (0, 1), "pue": (1, 3), "wue": (0, 20), "replication": (1, 20)}


@dataclass(frozen=True)
class Factor:
    """One factor.

    Attributes
    ----------
    id : str
        ``kind/provider/region/year``, with ``own:`` before a company's.
    value, low, high : Decimal
        [unit]; grid factors in kgCO2e/kWh.
    unit, basis, source, read : str
    year : int
        That it describes.
    near : bool
        It is that of another provider's region on the same grid.
    """

    id: str
    value: Decimal
    low: Decimal
    high: Decimal
    unit: str
    year: int
    basis: str = ""
    source: str = ""
    read: str = ""
    near: bool = False

    def old(self, year: int) -> bool:
        """Whether it is more than two years older than a charge of `year`."""
        return year - self.year > OLD


@lru_cache(maxsize=256)
def short_provider(name: str | None) -> str:
    """``AWS``, ``Microsoft``, ``Google``, ``Oracle`` for whatever an exporter calls them; else the name itself.

    Examples
    --------
    >>> short_provider("Amazon Web Services"), short_provider("Lumenlog"), short_provider(None)
    ('AWS', 'Lumenlog', '')
    """
    text = (name or "").strip()
    lower = text.lower()
    found = next((s for word, s in SHORT.items() if word in lower), "")
    return found or ("Oracle" if lower.startswith("oracle") else text)


def place(provider: str, region: str | None) -> str:
    """A region as the tables write it: exporters give Azure's as ``West Europe`` or ``westeurope``.

    Examples
    --------
    >>> place("Microsoft", "West Europe"), place("AWS", "us-east-1"), place("AWS", None)
    ('westeurope', 'us-east-1', '')
    """
    text = (region or "").strip()
    return text.lower().replace(" ", "") if provider == "Microsoft" else text


class Factors:
    """All factors of a run, looked up by provider, region and year.

    Parameters
    ----------
    tables : mapping
        ``factors``, ``processors``, ``instances``, ``regions`` and ``own``, each rows of texts by column (see
        `helpers.data.carbon.tables`).

    Notes
    -----
    A company's own row wins. Else the newest year that is not after the charge's; else the earliest one after it. A region
    without a row takes that of another provider's region on the same grid.
    """

    def __init__(self, tables: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
        self.tables = {name: list(rows) for name, rows in tables.items()}
        self.zones = {(r["provider"], r["region"]): r["zone"] for r in self.tables.get("regions", [])}
        self._rows: dict[tuple[str, str, str], list[Factor]] = {}
        self._own: dict[tuple[str, str, str], list[Factor]] = {}
        for n, r in enumerate(self.tables.get("factors", []), 2):
            self._take(self._rows, r, n, "")
        for n, r in enumerate(self.tables.get("own", []), 2):
            self._take(self._own, r, n, "own:")
        self._seen: dict[Any, Any] = {}

    def _take(self, into: dict, row: Mapping[str, str], line: int, mark: str) -> None:
        f = _factor(row, line, mark)
        # users write a provider as their export does, the kit's rows have it short
        provider = short_provider(row["provider"])
        into.setdefault((row["kind"], provider, place(provider, row["region"])), []).append(f)

    @cached_property
    def by_zone(self) -> dict[str, list[tuple[str, str]]]:
        """Grid zone -> regions on it."""
        found: dict[str, list[tuple[str, str]]] = {}
        for key, zone in self.zones.items():
            found.setdefault(zone, []).append(key)
        return found

    def one(self, kind: str, provider: str, region: str, year: int) -> Factor | None:
        """The factor of a kind for a year, or None."""
        key = (kind, provider, region, year)
        if key not in self._seen:
            self._seen[key] = self._find(*key)
        return self._seen[key]

    def _find(self, kind: str, provider: str, region: str, year: int) -> Factor | None:
        for rows in (self._own, self._rows):
            for at in ((provider, region), (provider, ""), ("", region), ("", "")):
                found = rows.get((kind, *at))
                if found:
                    return _of_year(found, year)
        return None

    def grid(self, provider: str, region: str, year: int) -> Factor | None:
        """The grid's carbon by energy in a region [kgCO2e/kWh], location-based, with the range of its sources.

        Its range spans the factors of up to four years, since sources differ by more than years do.
        """
        key = ("grid", provider, region, year)
        if key not in self._seen:
            self._seen[key] = self._grid(provider, region, year)
        return self._seen[key]

    def _grid(self, provider: str, region: str, year: int) -> Factor | None:
        if not region:
            return None
        own = self._own.get(("grid", provider, region)) or self._own.get(("grid", "", region))
        located = [f for f in own or [] if f.basis != "market"]
        if located:
            return _of_year(located, year)
        mine = list(self._rows.get(("grid", provider, region), []))
        zone = self.zones.get((provider, region))
        near = [
            Factor(**{**vars(f), "near": True})
            for at in self.by_zone.get(zone or "", [])
            if at != (provider, region)
            for f in self._rows.get(("grid", *at), [])
        ]
        if not mine and not near:
            return None
        chosen = _of_year(mine + near, year)
        if chosen is None:
            return None
        span = [
            f for f in mine + near if abs(chosen.year - f.year) <= SPAN and f.year <= max(year, chosen.year)
        ]
        return Factor(
            **{
                **vars(chosen),
                "low": min(f.value for f in span),
                "high": max(f.value for f in span),
            }
        )

    def market(self, provider: str, region: str, year: int) -> Factor | None:
        """The market-based carbon by energy [kgCO2e/kWh]: a company's own, else grid × (1 − carbon-free share)."""
        key = ("market", provider, region, year)
        if key not in self._seen:
            self._seen[key] = self._market(provider, region, year)
        return self._seen[key]

    def _market(self, provider: str, region: str, year: int) -> Factor | None:
        for at in ((provider, region), ("", region), (provider, ""), ("", "")):
            own = [f for f in self._own.get(("grid", *at), []) if f.basis == "market"]
            if own:
                return _of_year(own, year)
        share = self._own.get(("cfe", provider, region)) or self._rows.get(("cfe", provider, region))
        grid = self.grid(provider, region, year)
        if not share or grid is None:
            return None
        free = _of_year(share, year)
        assert free is not None
        left = 1 - free.value
        return Factor(
            f"{free.id}+{grid.id}", grid.value * left, grid.low * left, grid.high * left, "kgCO2e/kWh",
            min(free.year, grid.year), "market", free.source, free.read,
        )  # fmt: skip

    def grids(self, provider: str, year: int) -> list[Factor]:
        """The grid factors of all regions of a provider, the cleanest first."""
        key = ("grids", provider, year)
        if key not in self._seen:
            found = [self.grid(p, r, year) for (p, r) in self.zones if p == provider]
            self._seen[key] = sorted((f for f in found if f), key=lambda f: (f.value, f.id))
        return self._seen[key]

    def all_regions(self, year: int) -> list[tuple[str, str, Factor]]:
        """Provider, region and grid factor of every region that has one."""
        found = [(p, r, self.grid(p, r, year)) for (p, r) in sorted(self.zones)]
        return [(p, r, f) for p, r, f in found if f]

    def own_rows(self) -> int:
        """How many rows are the company's own [1]."""
        return sum(len(v) for v in self._own.values())

    def listed(self, ids: set[str]) -> list[Factor]:
        """The factors of these ids, for a page's list of sources."""
        return sorted((f for f in self.every() if f.id in ids), key=lambda f: f.id)

    def every(self) -> list[Factor]:
        """All factors as they stand in the tables."""
        return [f for rows in (self._own, self._rows) for found in rows.values() for f in found]


def _of_year(found: Sequence[Factor], year: int) -> Factor | None:
    past = [f for f in found if f.year <= year]
    if past:  # the newest; of one year the provider's own row, then the first by id
        return min(past, key=lambda f: (-f.year, f.near, f.id))
    return min(found, key=lambda f: (f.year, f.near, f.id), default=None)


def _factor(row: Mapping[str, str], line: int, mark: str) -> Factor:
    kind, unit = row["kind"], row["unit"]
    where: dict[str, Any] = {"file": "carbon_factors.csv", "row": line} if mark else {}

    def number(name: str) -> Decimal | None:
        return Decimal(row[name]) if row.get(name) else None

    value = number("value")
    assert value is not None
    low, high = number("low"), number("high")
    if kind == "grid":
        value = intensity(value, unit, **where)
        low, high = (None if x is None else intensity(x, unit, **where) for x in (low, high))
        unit = "kgCO2e/kWh"
    elif kind in RATIOS:
        least, most = RATIOS[kind]
        if not least <= value <= most:
            raise BadInput(
                f"{kind} {value}",
                f"{least} to {most}",
                "look for a percentage written for a share of 1",
                column="value",
                **where,
            )
    year = int(Decimal(row["year"]))
    basis = f":{row['basis']}" if row.get("basis") == "market" and kind == "grid" else ""
    provider = short_provider(row["provider"])
    region = place(provider, row["region"])
    return Factor(
        f"{mark}{kind}{basis}/{provider or 'all'}/{region or 'all'}/{year}",
        value,
        value if low is None else min(low, value),
        value if high is None else max(high, value),
        unit,
        year,
        row.get("basis", ""),
        row["source"],
        row.get("read", ""),
    )
