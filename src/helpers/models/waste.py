"""Waste that the charges show by themselves: disks, snapshots, cold objects, logs, addresses, balancers, traffic.

A bill does not say whether a disk is attached or an object is read, so each rule names what it looks at, what it takes
for granted, and stays silent where it cannot know. Rules, shares and their reasons: docs/rightsizing.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from helpers.models.advice import EFFORT, Advice, Found, Left, cents, key, reserved
from helpers.models.rightsizing import _held, _number, _total
from helpers.terms.money import CONTEXT, ratio

if TYPE_CHECKING:
    import pandas as pd

GB_MONTH = re.compile(r"(?i)^[gt]i?b[- /]?mo(nth)?s?$")
SNAPSHOT = re.compile(r"(?i)snapshot")
DISK = re.compile(
    r"(?i)volumeusage|\bdisks?\b|block volume|pd[- ](?:ssd|standard|balanced)|persistent disk|hyperdisk"
)
BALANCER = re.compile(r"(?i)loadbalancer|load balanc|forwarding rule|application gateway")
ADDRESS_IDLE = re.compile(r"(?i)idleaddress|idle address|unused.*ip|static ip.*(?:unused|not in use)")
ADDRESS = re.compile(r"(?i)public ip|static ip|elastic ip")
NAT = re.compile(r"(?i)nat ?gateway.*(?:bytes|data)|data processed.*nat")
ZONES = re.compile(r"(?i)datatransfer-regional|inter[- ]?zone|inter[- ]?availability zone|cross[- ]?zone")
SAME = Decimal("0.98")  # of the month before: measured sizes waver
HARDLY = Decimal("0.001")
SUPPORT = re.compile(r"(?i)extended ?support|extended security|lts support")


@dataclass(frozen=True)
class Rules:
    """What the rules take for granted; ours unless docs/rightsizing.md names a source.

    Attributes
    ----------
    months : int
        Months that a store must not have shrunk in before it counts as never cleaned.
    kept_snapshots : Decimal
        Share of snapshots that stays when a policy keeps the newest.
    log_months : int
        Months of logs kept: thirteen holds any month and the one a year before.
    still : Decimal
        Growth in twelve months below which a store of objects is called still [1].
    near : Decimal
        Share of traffic between zones that reading the near copy saves.
    endpoint : Decimal
        Share of a NAT gateway's traffic that an endpoint to the provider's own services takes over.
    least : Decimal
        Saving below which nothing is said [currency a month].
    """

    months: int = 6
    kept_snapshots: Decimal = Decimal("0.1")
    log_months: int = 13
    still: Decimal = Decimal("0.15")
    near: Decimal = Decimal("0.5")
    endpoint: Decimal = Decimal("0.6")
    least: Decimal = Decimal(5)


def recommend(
    lines: pd.DataFrame,
    history: pd.DataFrame,
    steps: Iterable[Mapping[str, str]],
    *,
    rules: Rules | None = None,
) -> Found:
    """Advice for everything that is no machine.

    Parameters
    ----------
    lines, history : DataFrame
        As `helpers.measures.resources.lines` (alive) and `history`.
    steps : iterable of mapping
        Rows of the kit's table ``storage_steps``: provider, meter (patterns), cheaper (tier), share (of today's price).
    rules : Rules, optional

    Returns
    -------
    Found
    """
    rules = rules or Rules()
    records = lines.to_dict("records")
    past = _past(history)
    of_resource: dict[str, list[Mapping[str, Any]]] = {}
    for line in records:
        of_resource.setdefault(line["resource_id"], []).append(line)
    machines = {
        (line["provider"], line["account_id"]): set() for line in records
    }  # names of what runs, by account
    for line in records:
        if line["category"] in ("Compute", "Databases"):
            machines[line["provider"], line["account_id"]].add(key(line["name"]))
    tiers = _cheaper_tiers(records)
    look = _Look(rules, past, of_resource, machines, tuple(steps), tiers)
    found = Found(cost=_total(lines))
    for line in records:
        for rule in RULES:
            said = rule(line, look)
            if said is not None:
                _take(found, line, said, rules)
                break
    return found.sort()


@dataclass(frozen=True)
class _Month:
    """Quantity of a month and of one of its charged days.

    A gigabyte kept all month is one GB-month however long the month is; some exports charge each day a thirtieth of one.
    Two months are compared both ways and the kinder answer counts, so that February shrinks nothing.
    """

    quantity: Decimal
    daily: Decimal

    def over(self, before: _Month) -> Decimal:
        if not before.quantity or not before.daily:
            return Decimal(1)
        ways = (ratio(self.quantity, before.quantity), ratio(self.daily, before.daily))
        return Decimal(1) if any(abs(w - 1) < HARDLY for w in ways) else max(ways)


@dataclass(frozen=True)
class _Look:
    rules: Rules
    past: Mapping[tuple[str, str], list[_Month]]
    of_resource: Mapping[str, list[Mapping[str, Any]]]
    machines: Mapping[tuple[str, str], set[frozenset[str]]]
    steps: Sequence[Mapping[str, str]]
    tiers: Mapping[tuple[str, str], tuple[str, Decimal]]

    def months(self, line: Mapping[str, Any]) -> list[_Month]:
        """What there was in each month, oldest first; the months before the first charge are not there."""
        return self.past.get((line["resource_id"], line["sku"]), [])

    def never_shrank(self, line: Mapping[str, Any]) -> bool:
        """No month below 98 % of the month before, over the months asked for."""
        held = self.months(line)[-self.rules.months - 1 :]
        return len(held) > self.rules.months and all(b.over(a) >= SAME for a, b in pairwise(held))

    def still(self, line: Mapping[str, Any]) -> bool:
        """As large in each of the last three months."""
        held = self.months(line)[-3:]
        return len(held) == 3 and all(b.over(a) == 1 for a, b in pairwise(held))

    def runs(self, line: Mapping[str, Any]) -> bool:
        """Whether a machine of the same name runs in the account."""
        return key(line["name"]) in self.machines.get((line["provider"], line["account_id"]), set())


@dataclass(frozen=True)
class _Said:
    kind: str
    share: Decimal
    candidate: str
    basis: str
    confidence: str
    why: str
    limits: str = ""
    counted: bool = True


def _orphaned_disk(line: Mapping[str, Any], look: _Look) -> _Said | None:
    """A disk with a name, of which no machine's name of the account knows anything, and that never changed."""
    if not _stored(line) or SNAPSHOT.search(line["meter"] or "") or not DISK.search(line["meter"] or ""):
        return None
    if not _named(line) or look.runs(line):
        return None
    held, still = look.months(line), look.still(line)
    return _Said(
        "orphaned disk", Decimal(1), "none", "removed", "medium" if still else "low",
        f"Charged for {len(held)} months; no machine of its name runs in {line['account'] or 'the account'}.",
        "a bill does not say what a disk is attached to: look before you delete, and keep a snapshot",
        counted=still,
    )  # fmt: skip


def _snapshots(line: Mapping[str, Any], look: _Look) -> _Said | None:
    """Snapshots that are only added to: nobody removes the old ones."""
    if not _stored(line) or not SNAPSHOT.search(f"{line['meter']} {line['type']}"):
        return None
    if not look.never_shrank(line):
        return None
    held = look.months(line)
    fresh = 1 - ratio(Decimal(1), max(Decimal(1), held[-1].over(held[-4])))
    kept = min(Decimal(1), max(look.rules.kept_snapshots, fresh))
    return _Said(
        "snapshots", 1 - kept, "a policy that keeps the newest", "removed", "medium",
        f"Never smaller than the month before in {min(len(held), look.rules.months + 1)} months: nothing is ever removed.",
        f"assumes that {_percent(kept)} is worth keeping; ask for holds before deleting",
    )  # fmt: skip


def _logs(line: Mapping[str, Any], look: _Look) -> _Said | None:
    """A store of logs that only grows: kept without end."""
    if not _stored(line) or (
        (line["subcategory"] or "") != "Observability" and "log" not in (line["type"] or "").casefold()
    ):
        return None
    if not look.never_shrank(line):
        return None
    held = look.months(line)
    whole = held[-1].over(held[0])
    if whole <= 1:
        return None
    months = len(held) - 1
    grown = float(whole) ** (1 / months)  # as it grew, so it was filled
    kept = Decimal(1 - grown**-look.rules.log_months).quantize(Decimal("0.0001"))
    return _Said(
        "log retention", 1 - kept, f"{look.rules.log_months} months", "removed", "medium",
        f"Grew by {_percent(whole - 1)} in {months} months and was never cut back in the last {look.rules.months}.",
        f"{_percent(kept)} is younger than {look.rules.log_months} months at the growth seen; ask what the law asks for",
    )  # fmt: skip


def _cold(line: Mapping[str, Any], look: _Look) -> _Said | None:
    """Objects at the frequent price in a store that hardly grows and that nobody pays to read."""
    if not _stored(line) or line["tier"] != "frequent" or line["subcategory"] not in (None, "Object Storage"):
        return None
    step = next((s for s in look.steps if _fits(s, line)), None)
    if step is None:
        return None
    held = look.months(line)
    read = [
        o["meter"] or o["unit"]
        for o in look.of_resource[line["resource_id"]]
        if not _stored(o) and _number(o["effective"]) > _number(line["effective"]) / 100
    ]
    if read or len(held) < 13 or held[-1].over(held[0]) - 1 >= look.rules.still:
        return None
    seen = look.tiers.get((line["provider"], line["region"]))
    own = (
        ratio(_number(line["contracted"]), _number(line["quantity"]))
        if _number(line["quantity"])
        else Decimal(0)
    )
    if seen and own > seen[1] > 0:
        share, name, basis = 1 - ratio(seen[1], own), f"{step['cheaper']} ({seen[0]})", "charges"
    else:
        share, name, basis = 1 - Decimal(step["share"]), step["cheaper"], "published ratio"
    return _Said(
        "cold storage", share, name, basis, "medium",
        f"Grew by {_percent(held[-1].over(held[0]) - 1)} in twelve months, and no reading of it is charged.",
        "a bill does not say which objects are read: switch access analysis on first; reading costs a fee afterwards",
    )  # fmt: skip


def _balancer(line: Mapping[str, Any], look: _Look) -> _Said | None:
    """A balancer with hours and nothing else: no capacity units, no bytes."""
    if (
        not BALANCER.search(f"{line['meter']} {line['type']}")
        or "hour" not in (line["unit"] or "").casefold()
    ):
        return None
    other = [
        o
        for o in look.of_resource[line["resource_id"]]
        if o["meter"] != line["meter"] and _number(o["quantity"]) > 0
    ]
    if other:
        return None
    return _Said(
        "idle load balancer", Decimal(1), "none", "removed", "high",
        "Hours are charged and no traffic is.", "its name may stand in somebody's settings: look at its targets",
    )  # fmt: skip


def _address(line: Mapping[str, Any], look: _Look) -> _Said | None:
    meter = line["meter"] or ""
    if ADDRESS_IDLE.search(meter):
        return _Said(
            "idle address", Decimal(1), "none", "removed", "high",
            "The provider charges them as not in use.", "an address that partners have allowed is hard to get again",
        )  # fmt: skip
    if (
        not ADDRESS.search(meter)
        or "hour" not in (line["unit"] or "").casefold()
        or not _named(line)
        or look.runs(line)
    ):
        return None
    return _Said(
        "idle address", Decimal(1), "none", "removed", "low",
        "Reserved by the hour, and no machine of its name runs in the account.",
        "this provider charges used and unused addresses alike: look before you release",
    )  # fmt: skip


def _nat(line: Mapping[str, Any], look: _Look) -> _Said | None:
    if not NAT.search(line["meter"] or "") or _byte_unit(line) is False:
        return None
    return _Said(
        "NAT detour", look.rules.endpoint, "endpoint to the provider's own services", "assumed share", "medium",
        "Every gigabyte pays the gateway; traffic to the provider's own storage need not pass it.",
        f"assumes that {_percent(look.rules.endpoint)} of it goes to storage and databases: flow logs tell",
    )  # fmt: skip


def _zones(line: Mapping[str, Any], look: _Look) -> _Said | None:
    if not ZONES.search(line["meter"] or ""):
        return None
    return _Said(
        "cross-zone traffic", look.rules.near, "reads from the near zone", "assumed share", "medium",
        "Copies are read across zones, and each gigabyte is charged both ways.",
        f"assumes that {_percent(look.rules.near)} of it are reads that have a copy near; replication has none",
    )  # fmt: skip


def _extended(line: Mapping[str, Any], look: _Look) -> _Said | None:
    if not SUPPORT.search(f"{line['meter']} {line['description']}"):
        return None
    return _Said(
        "extended support", Decimal(1), "a version in support", "removed", "high",
        "A fee for a version past its end; an upgrade ends it.", "the upgrade itself is work and needs a test",
    )  # fmt: skip


RULES = (_extended, _orphaned_disk, _snapshots, _logs, _cold, _balancer, _address, _nat, _zones)


def _take(found: Found, line: Mapping[str, Any], said: _Said, rules: Rules) -> None:
    cost = _number(line["effective"])
    stays = reserved(line["tags"])
    about = {"resource_id": line["resource_id"], "name": line["name"] or line["resource_id"]}
    if stays:
        found.held.append(_held(about, cost, stays))
        return
    plain = CONTEXT.add(_number(line["on_demand"]), _number(line["spot"]))
    saved, blocked, _ = Left(plain, _number(line["covered_contracted"])).cut(said.share)
    if saved < rules.least:
        return
    advice = Advice(
        said.kind, **about, provider=line["provider"] or "", service=line["service"] or "", region=line["region"] or "",
        department=line["department"] or "", owner=line["owner"] or "", now=line["meter"] or line["unit"] or "",
        candidate=said.candidate, cost=cents(cost), saving=cents(saved), blocked=cents(blocked), basis=said.basis,
        confidence=said.confidence, why=said.why, limits=said.limits, effort=EFFORT[said.kind],
    )  # fmt: skip
    (found.advice if said.counted else found.possible).append(advice)


def _past(history: pd.DataFrame) -> dict[tuple[str, str], list[_Month]]:
    """What there was of each SKU of each resource, month by month."""
    held: dict[tuple[str, str], list[tuple[str, _Month]]] = {}
    for row in history.to_dict("records"):
        days, quantity = _number(row["days"]), _number(row["quantity"])
        if days and quantity > 0:
            one = _Month(quantity, ratio(quantity, days))
            held.setdefault((row["resource_id"], row["sku"]), []).append((row["period"], one))
    return {k: [q for _, q in sorted(v, key=lambda m: m[0])] for k, v in held.items()}


def _cheaper_tiers(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], tuple[str, Decimal]]:
    """Meter and price of the infrequent tier of objects in each region, where the charges show one."""
    found: dict[tuple[str, str], tuple[str, Decimal]] = {}
    for line in records:
        quantity = _number(line["quantity"])
        if line["tier"] == "infrequent" and _stored(line) and quantity > 0:
            price = ratio(_number(line["contracted"]), quantity)
            place = line["provider"], line["region"]
            if place not in found or price < found[place][1]:
                found[place] = (line["meter"] or "", price)
    return found


def _fits(step: Mapping[str, str], line: Mapping[str, Any]) -> bool:
    return bool(
        re.search(step["provider"], line["provider"] or "") and re.search(step["meter"], line["meter"] or "")
    )


def _stored(line: Mapping[str, Any]) -> bool:
    """Bytes kept over time."""
    return bool(GB_MONTH.match((line["unit"] or "").replace("Months", "Mo").replace("months", "mo"))) or bool(
        GB_MONTH.match(line["unit"] or "")
    )


def _byte_unit(line: Mapping[str, Any]) -> bool:
    return bool(re.search(r"(?i)^(?:[gt]i?b|bytes|gigabytes?)\b", line["unit"] or ""))


def _named(line: Mapping[str, Any]) -> bool:
    """It has a name that is more than an id."""
    name = str(line["name"] or "")
    return bool(name) and not re.fullmatch(r"(?i)(?:vol|snap|eipalloc|i)-[0-9a-f]+", name) and bool(key(name))


def _percent(share: Decimal) -> str:
    return f"{float(share) * 100:.0f} %"
