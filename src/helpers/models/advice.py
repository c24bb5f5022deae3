"""One piece of advice about one resource, and the arithmetic that keeps several of them from counting money twice.

Savings are what effective cost falls by: usage that a commitment covers goes on being paid when it ends, so cutting it
saves nothing until the commitment ends. Several kinds on one resource are taken one after another, each on what the one
before left (`ORDER`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.terms.money import CONTEXT, total

if TYPE_CHECKING:
    import pandas as pd

CENT = Decimal("0.01")
ORDER = (  # of kinds on one resource: what is removed needs no smaller size, what is smaller is switched off cheaper
    "idle machine",
    "oversized machine",
    "schedule",
    "old generation",
    "ARM",
    "spot",
    "orphaned disk",
    "snapshots",
    "cold storage",
    "log retention",
    "idle load balancer",
    "idle address",
    "NAT detour",
    "cross-zone traffic",
    "extended support",
)
EFFORT = {  # hours of one engineer, ours: to sort by, never added up as fact
    "idle machine": 2,
    "oversized machine": 4,
    "schedule": 2,
    "old generation": 8,
    "ARM": 24,
    "spot": 16,
    "orphaned disk": 1,
    "snapshots": 2,
    "cold storage": 3,
    "log retention": 1,
    "idle load balancer": 1,
    "idle address": 1,
    "NAT detour": 4,
    "cross-zone traffic": 24,
    "extended support": 40,
}
RESERVING = {  # tag keys, without case and signs, by which people say that a thing must stay
    "purpose",
    "retain",
    "retention",
    "legalhold",
    "hold",
    "keep",
    "keepuntil",
    "alwayson",
    "neverstop",
    "donotstop",
    "donotdelete",
    "standby",
    "failover",
    "disasterrecovery",
    "dr",
    "schedulerexempt",
    "scheduleexempt",
}
NO = {"", "no", "false", "none", "0", "off"}


@dataclass(frozen=True)
class Advice:
    """What to do with one resource, what it saves and how sure that is.

    Attributes
    ----------
    kind : str
        One of `ORDER`.
    resource_id, name, provider, service, region, department, owner : str
        Of the resource; owner as the allocation rules have it.
    now, candidate : str
        What runs, and what would (a machine type, a tier, a schedule, ``none``).
    cost : Decimal
        Effective cost of the resource in the month [currency].
    saving : Decimal
        What effective cost falls by in such a month, after advice of an earlier kind on the same resource [currency].
    blocked : Decimal
        What it would save besides, were it not covered by a commitment [currency].
    p95, p999, peak : float or None
        Use of the candidate's processors at these quantiles of past hours, and in the busiest (season included) [%].
    risk, risk_high : float or None
        Share of past hours in which the candidate would have been short, and its upper 95 % bound [1].
    hours : int
        Hours measured.
    basis : str
        Where the candidate's price comes from: ``charges``, ``by size``, ``removed``, …
    confidence : str
        ``high``, ``medium`` or ``low``.
    effort : int
        Our guess of an engineer's time [hours].
    why, limits : str
        The evidence, and what was not measured or is assumed.
    carbon : Decimal or None
        What emissions fall by in such a month [kgCO2e]; filled by whoever hands in a carbon table.
    """

    kind: str
    resource_id: str
    name: str
    provider: str
    service: str
    region: str
    department: str
    owner: str
    now: str
    candidate: str
    cost: Decimal
    saving: Decimal
    blocked: Decimal
    basis: str
    confidence: str
    why: str
    limits: str = ""
    p95: float | None = None
    p999: float | None = None
    peak: float | None = None
    risk: float | None = None
    risk_high: float | None = None
    hours: int = 0
    effort: int = 0
    carbon: Decimal | None = None


@dataclass(frozen=True)
class Left:
    """What is still spent on a resource while advice is taken from it.

    Attributes
    ----------
    plain : Decimal
        At on-demand and spot prices: it falls with use [currency].
    covered : Decimal
        What a commitment covers, at the price that it would have without [currency].
    """

    plain: Decimal
    covered: Decimal = Decimal(0)

    def cut(self, share: Decimal) -> tuple[Decimal, Decimal, Left]:
        """Use less by a share: saving, what a commitment keeps from being saved, and what is left.

        Examples
        --------
        >>> Left(Decimal(40), Decimal(60)).cut(Decimal("0.5"))[:2]
        (Decimal('40'), Decimal('10.0'))
        """
        whole = CONTEXT.add(self.plain, self.covered)
        gross = CONTEXT.multiply(whole, max(Decimal(0), min(Decimal(1), share)))
        saved = min(gross, max(self.plain, Decimal(0)))
        plain = CONTEXT.subtract(self.plain, saved)
        rest = CONTEXT.subtract(CONTEXT.subtract(whole, gross), plain)
        return saved, CONTEXT.subtract(gross, saved), Left(plain, rest)


@dataclass
class Found:
    """All advice of a month.

    Attributes
    ----------
    advice : list of Advice
        Counted: measured or certain enough to add up.
    possible : list of Advice
        Not counted: a measurement, a test or a price is missing; `limits` says which.
    held : list of dict
        What looks idle or too large and is left alone: resource_id, name, cost, reason.
    unknown : list of dict
        Machines whose type the instance table does not have: resource_id, name, type, cost.
    cost : Decimal
        Effective cost of all resources looked at [currency].
    """

    advice: list[Advice] = field(default_factory=list)
    possible: list[Advice] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)
    unknown: list[dict[str, Any]] = field(default_factory=list)
    cost: Decimal = Decimal(0)

    @property
    def saving(self) -> Decimal:
        """All counted advice together [currency]; no resource's saving is above its cost."""
        return total(a.saving for a in self.advice)

    def sort(self) -> Found:
        """The largest saving first; equal ones by name."""
        self.advice.sort(key=lambda a: (-a.saving, a.name, a.kind))
        self.possible.sort(key=lambda a: (-a.saving, a.name, a.kind))
        self.held.sort(key=lambda h: (-h["cost"], h["name"]))
        self.unknown.sort(key=lambda h: (-h["cost"], h["name"]))
        return self

    def joined(self, other: Found) -> Found:
        """Both together; `cost` is the larger, since both looked at the same resources."""
        return Found(
            [*self.advice, *other.advice],
            [*self.possible, *other.possible],
            [*self.held, *other.held],
            [*self.unknown, *other.unknown],
            max(self.cost, other.cost),
        ).sort()


PRICE_ONLY = ("extended support", "cold storage", "old generation", "ARM")


def with_carbon(advice: Iterable[Advice], emitted: Mapping[str, Decimal | None]) -> list[Advice]:
    """The same advice with what emissions fall by: as large a share of them as of the cost, commitments aside.

    Where a step changes what is paid for rather than how much is used (`PRICE_ONLY`), nothing is claimed.

    Parameters
    ----------
    advice : iterable of Advice
    emitted : mapping
        ``resource_id`` -> emissions of the month [kgCO2e]; None or absent where there is no figure.
    """

    def share(a: Advice) -> Decimal | None:
        kg = emitted.get(a.resource_id)
        if kg is None or not a.cost or a.kind in PRICE_ONLY:
            return None
        return CONTEXT.divide(CONTEXT.multiply(kg, CONTEXT.add(a.saving, a.blocked)), a.cost)

    return [replace(a, carbon=share(a)) for a in advice]


def frame(advice: Iterable[Advice]) -> pd.DataFrame:
    """Advice as a table, one column for each attribute."""
    import pandas as pd

    names = [f.name for f in fields(Advice)]
    rows = [{n: getattr(a, n) for n in names} for a in advice]
    return pd.DataFrame(rows, columns=names, dtype=object)


def by_kind(advice: Iterable[Advice]) -> pd.DataFrame:
    """Saving by kind, the largest first: kind, amount [currency], resources [1], hours of effort [h]."""
    import pandas as pd

    kinds: dict[str, list[Advice]] = {}
    for a in advice:
        kinds.setdefault(a.kind, []).append(a)
    rows = [
        {
            "kind": kind,
            "amount": total(a.saving for a in some),
            "resources": len({a.resource_id for a in some}),
            "effort": sum(a.effort for a in some),
        }
        for kind, some in kinds.items()
    ]
    rows.sort(key=lambda r: (-r["amount"], r["kind"]))
    return pd.DataFrame(rows, columns=["kind", "amount", "resources", "effort"], dtype=object)


def reserved(tags: Mapping[str, Any] | None) -> str:
    """Why a thing must stay, as its tags say; empty where they say nothing.

    Examples
    --------
    >>> reserved({"Purpose": "disaster drill"}), reserved({"team": "Search"}), reserved({"always-on": "false"})
    ('tagged Purpose: disaster drill', '', '')
    """
    for key, value in (tags or {}).items():
        if (
            re.sub(r"[\s_.:\-]+", "", key).casefold() in RESERVING
            and str(value or "").strip().casefold() not in NO
        ):
            return f"tagged {key.strip()}: {str(value).strip()[:80]}"
    return ""


def stem(name: str | None, *others: str | None) -> frozenset[str]:
    """The words of a resource's name that say what it does: no kind of thing, no random ending, none of `others`.

    Examples
    --------
    >>> sorted(stem("search-workers-e300", "Search")), sorted(stem("checkout-vol-96f5", "Checkout"))
    (['workers'], [])
    """
    drop = {w for o in others for w in _words(o)} | GENERIC
    return frozenset(w for w in _words(name) if w not in drop and not _random(w))


def key(name: str | None) -> frozenset[str]:
    """The words of a name without those for kinds of things: what a disk shares with the machine that it belongs to.

    Examples
    --------
    >>> key("erp-disk") == key("erp-vm"), key("shop-vol-96f5") == key("shop-vm-6ac6")
    (True, False)
    """
    return frozenset(w for w in _words(name) if w not in GENERIC)


GENERIC = {
    "vm", "vms", "instance", "instances", "machine", "node", "host", "server", "vol", "vols", "volume", "volumes", "disk",
    "disks", "data", "os", "osdisk", "datadisk", "root", "boot", "pd", "snap", "snaps", "snapshot", "snapshots", "ip", "ips",
    "address", "addresses", "eip", "pip", "lb", "alb", "nlb", "elb", "balancer", "store", "bucket",
}  # fmt: skip


def _words(name: str | None) -> list[str]:
    return [w for w in re.split(r"[^a-z0-9]+", (name or "").casefold()) if w]


def _random(word: str) -> bool:
    """A counter or a part of an id: digits only, or letters of hexadecimal numbers mixed with digits."""
    return bool(re.fullmatch(r"\d+|(?=.*\d)[0-9a-f]{3,}", word))


def cents(value: Decimal) -> Decimal:
    """Rounded to the cent, half-even."""
    return value.quantize(CENT, context=CONTEXT)
