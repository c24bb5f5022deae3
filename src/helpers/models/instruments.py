"""What can be committed to, and what a commitment may cover: the kit's tables read, charges matched against them.

The tables (``helpers/data/factors/commitment_*.csv``) are handed in by whoever reads them; facts, sources and the day they
were read stand in the tables themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from helpers.models.machines import AZURE_PARTS, type_of
from helpers.terms.errors import BadInput
from helpers.terms.money import CONTEXT

NOTHING, FAMILY, SERVICE, VENDOR = "nothing", "family and region", "service and region", "vendor"
BINDS = (NOTHING, FAMILY, SERVICE, VENDOR)


@dataclass(frozen=True)
class Instrument:
    """One way to commit.

    Attributes
    ----------
    id, name : str
    provider, type : str
        Patterns of ServiceProviderName and CommitmentDiscountType.
    category : str
        ``Spend`` or ``Usage``.
    binds : str
        What usage must share to be covered, one of `BINDS`.
    terms : tuple of int
        Lengths sold [months].
    payments : tuple of str
    rates : dict
        Term [months] -> price of the on-demand price [1]; what the table assumes where charges show none.
    rate_basis : str
        Where the rate comes from; ``assumed`` is ours.
    exchange, lapses : str
        In words.
    exit_days : int or None
        Days in which it can be exchanged or refunded; None: never.
    source, read : str
    """

    id: str
    name: str
    provider: str
    type: str
    category: str
    binds: str
    terms: tuple[int, ...]
    payments: tuple[str, ...]
    rates: Mapping[int, Decimal]
    rate_basis: str
    exchange: str
    lapses: str
    exit_days: int | None
    source: str
    read: str

    @property
    def flexible(self) -> bool:
        """It covers whatever its services run, of any family and region."""
        return self.binds == NOTHING


class Instruments:
    """All instruments and what each may cover.

    Parameters
    ----------
    table, eligibility : iterable of mapping
        Rows of ``commitment_instruments`` and ``commitment_eligibility``.

    Raises
    ------
    BadInput
        A row that binds to something else than `BINDS`, a rate that is not between 0 and 1, eligibility of an instrument that
        the table does not have.
    """

    def __init__(self, table: Iterable[Mapping[str, str]], eligibility: Iterable[Mapping[str, str]]) -> None:
        self.all = tuple(_instrument(n, row) for n, row in enumerate(table, 2))
        known = {i.id for i in self.all}
        self._eligible: dict[str, list[tuple[str, str, str]]] = {}
        for n, row in enumerate(eligibility, 2):
            if row["instrument"] not in known:
                raise BadInput(
                    f"instrument {row['instrument']!r}", "an instrument of commitment_instruments.csv",
                    "add it there, or correct the name", file="commitment_eligibility.csv", row=n, column="instrument",
                )  # fmt: skip
            self._eligible.setdefault(row["instrument"], []).append(
                (row["ServiceCategory"], row["ServiceName"], row["unless"])
            )

    def of(self, provider: str | None, type: str | None) -> Instrument | None:
        """The instrument that a charge's CommitmentDiscountType names; None where the table knows none."""
        for i in self.all:
            if i.provider and not re.search(i.provider, provider or ""):
                continue
            if re.search(i.type, (type or "").strip()):
                return i
        return None

    def covering(
        self, provider: str | None, category: str | None, service: str | None, words: str
    ) -> list[Instrument]:
        """Instruments that may cover a usage; `words` are its meter, details and description."""
        found = []
        for i in self.all:
            if not i.provider or not re.search(i.provider, provider or ""):
                continue
            for kind, name, unless in self._eligible.get(i.id, ()):
                fits = (not kind or kind == category) and re.search(name, service or "")
                if fits and not (unless and re.search(unless, words)):
                    found.append(i)
                    break
        return found


def _instrument(n: int, row: Mapping[str, str]) -> Instrument:
    def wrong(column: str, needed: str) -> BadInput:
        return BadInput(
            f"{row[column]!r}", needed, "correct the cell",
            file="commitment_instruments.csv", row=n, column=column,
        )  # fmt: skip

    if row["binds"] not in BINDS:
        raise wrong("binds", f"one of {', '.join(BINDS)}")
    rates: dict[int, Decimal] = {}
    for months in (12, 36):
        if row[f"rate_{months}"]:
            rate = Decimal(row[f"rate_{months}"])
            if not 0 < rate < 1:
                raise wrong(f"rate_{months}", "a share of the on-demand price between 0 and 1")
            rates[months] = rate
    return Instrument(
        row["instrument"], row["name"], row["provider"], row["type"], row["category"], row["binds"],
        tuple(int(t) for t in row["terms"].split("|") if t), tuple(p for p in row["payments"].split("|") if p), rates,
        row["rate_basis"], row["exchange"], row["lapses"], int(row["exit_days"]) if row["exit_days"] else None,
        row["source"], row["read"],
    )  # fmt: skip


@lru_cache(maxsize=8192)
def family_of(provider: str, service: str | None, details: str | None, *words: str | None) -> str:
    """Family of a machine: what instruments bound to a family ask for; empty where no type is named.

    Examples
    --------
    >>> family_of("AWS", "Amazon EC2", '{"InstanceType":"m6i.2xlarge"}')
    'm6i'
    >>> family_of("Microsoft", "Virtual Machines", '{"InstanceType":"Standard_D4s_v5"}')
    'Ds v5'
    >>> family_of("Google", "Compute Engine", None, "N2 Instance running n2-standard-8 europe-west1")
    'n2'
    """
    short = short_name(provider)
    kind = type_of(short, details, *words)
    if short == "AWS":
        return kind.partition(".")[0]
    if short == "Microsoft" and (found := AZURE_PARTS.match(kind)):
        return f"{found[1]}{found[3]}" + (f" v{found[4]}" if found[4] else "")
    return kind.partition("-")[0] if short == "Google" else kind


def units_of(type: str, sizes: Iterable[Mapping[str, str]]) -> Decimal | None:
    """Normalised units of a size by the provider's table: what size flexibility counts in; None where it has none.

    Examples
    --------
    >>> units_of("m5.2xlarge", [{"size": "2xlarge", "factor": "16"}])
    Decimal('16')
    """
    size = type.removesuffix(".search").rpartition(".")[2]
    return next((Decimal(r["factor"]) for r in sizes if r["size"] == size), None)


def normalised(quantities: Mapping[str, Decimal], sizes: Sequence[Mapping[str, str]]) -> Decimal:
    """Hours of several sizes of one family in normalised units [1].

    Raises
    ------
    BadInput
        A size that the table does not have: a guess would cover too much or too little.

    Examples
    --------
    >>> two = [{"size": "large", "factor": "4"}, {"size": "xlarge", "factor": "8"}]
    >>> normalised({"m5.large": Decimal(2), "m5.xlarge": Decimal(1)}, two)
    Decimal('16')
    """
    whole = Decimal(0)
    for type, hours in quantities.items():
        factor = units_of(type, sizes)
        if factor is None:
            raise BadInput(
                f"size of {type!r}", "a size with a normalisation factor", "add it to commitment_sizes.csv",
                file="commitment_sizes.csv", column="size",
            )  # fmt: skip
        whole = CONTEXT.add(whole, CONTEXT.multiply(factor, hours))
    return whole


def short_name(provider: str | None) -> str:
    """``AWS``, ``Microsoft``, ``Google`` or ``Oracle`` of a ServiceProviderName; else the name itself."""
    text = (provider or "").casefold()
    for word, known in (
        ("amazon", "AWS"), ("aws", "AWS"), ("microsoft", "Microsoft"), ("azure", "Microsoft"), ("google", "Google"),
        ("oracle", "Oracle"),
    ):  # fmt: skip
        if word in text:
            return known
    return provider or ""


def words(row: Mapping[str, Any]) -> str:
    """Meter, details and description of a charge in one text."""
    return " ".join(
        str(row[c]) for c in ("meter", "details", "description") if row.get(c) and row[c] == row[c]
    )
