"""Machines as charges name them: type, cores, processor watts and the server below, or the range of the family."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from statistics import median
from typing import Any

from helpers.models.carbon_factors import Factor, Factors

AWS_TYPE = re.compile(
    r"\b(?:db\.|cache\.|ml\.)?([a-z]+\d+[a-z0-9-]*\.(?:nano|micro|small|medium|large|metal|\d*xlarge))"
)
AZURE_TYPE = re.compile(r"\b(?:Standard|Basic)_([A-Z]+\d+[a-z0-9-]*(?:_v\d+)?)", re.I)
GOOGLE_TYPE = re.compile(
    r"\b([a-z]\d+[a-z]?-(?:standard|highmem|highcpu|ultramem|megamem|highgpu|megagpu|micro|small|medium)(?:-\d+)?)\b"
)
AWS_PARTS = re.compile(r"([a-z]+)(\d+)([a-z-]*)\.")
AZURE_PARTS = re.compile(r"([A-Z]+)(\d+)(?:-\d+)?([a-z]*)(?: v(\d+))?", re.I)
SIZES = {"nano": 2, "micro": 2, "small": 2, "medium": 2, "large": 2, "xlarge": 4}
OUTLIERS = {"Ivy Bridge", "Sandy Bridge"}  # of these Cloud Carbon Footprint takes the median, not the mean
BURSTABLE = re.compile(r"^(t\d|B\d|e2-(micro|small|medium)|f1-|g1-)")  # no extra memory is reckoned for these
D = Decimal
Range = tuple[Decimal, Decimal, Decimal]  # low, middle, high


@dataclass(frozen=True)
class Machine:
    """What is known of one machine.

    Attributes
    ----------
    type : str
        As in the table, or as the charge has it.
    vcpu, memory : Decimal
        [1], [GB]; memory 0 where it is not known.
    idle, full : Range
        Watts of a virtual core without and with full use [W].
    extra_memory : Decimal
        Memory beyond what the processor's watts already hold [GB].
    embodied : Range
        Making of its share of the server [kgCO2e].
    gpus : Decimal
        Graphics processors [1].
    gpu_idle, gpu_full : Decimal
        Watts of one [W].
    known : bool
        It stands in the table with its processor; else `why` says what stands in.
    factors : tuple of str
        Ids of the rows used.
    server : dict
        platform_vcpu, platform_memory, chips, tdp of the table (texts), for the life-cycle method; {} where not known.
    """

    type: str
    vcpu: Decimal
    memory: Decimal
    idle: Range
    full: Range
    extra_memory: Decimal
    embodied: Range
    gpus: Decimal
    gpu_idle: Decimal
    gpu_full: Decimal
    known: bool
    why: str
    factors: tuple[str, ...]
    server: Mapping[str, str]


@lru_cache(maxsize=8192)
def type_of(provider: str, details: str | None, *texts: str | None) -> str:
    """The machine's type as a charge names it, as the factor tables write it; empty where there is none.

    Examples
    --------
    >>> type_of("AWS", '{"InstanceType":"db.m5.4xlarge"}'), type_of("Microsoft", None, "D4s v5 Standard_D4s_v5 westeurope")
    ('m5.4xlarge', 'D4s v5')
    >>> type_of("Google", None, "N2 Instance running n2-standard-8 europe-west1")
    'n2-standard-8'
    """
    named = ""
    if details:
        try:
            named = str(json.loads(details).get("InstanceType") or "")
        except (ValueError, AttributeError):
            named = ""
    for text in (named, *texts):
        found = _typed(provider, text or "")
        if found:
            return found
    return named


def _typed(provider: str, text: str) -> str:
    if provider == "AWS":
        found = AWS_TYPE.search(text)
        return found[1] if found else ""
    if provider == "Microsoft":
        found = AZURE_TYPE.search(text)
        return found[1].replace("_", " ") if found else ""
    if provider == "Google":
        found = GOOGLE_TYPE.search(text)
        return found[1] if found else ""
    return ""


def cores_of(provider: str, type: str) -> Decimal | None:
    """Virtual cores that a type's name says, where its table has none."""
    size = type.rpartition(".")[2]
    if provider == "AWS" and (found := re.fullmatch(r"(\d*)(xlarge)|(\w+)", size)):
        return D(int(found[1] or 1) * 4) if found[2] else D(SIZES[size]) if size in SIZES else None
    if provider == "Microsoft" and (found := AZURE_PARTS.match(type)):
        return D(found[2])
    if provider == "Google" and (found := re.search(r"-(\d+)$", type)):
        return D(found[1])
    return None


class Machines:
    """Machines by provider and type, from the kit's tables.

    Parameters
    ----------
    factors : Factors
        Its tables ``instances`` and ``processors``.
    """

    def __init__(self, factors: Factors) -> None:
        self.factors = factors
        self.rows = {(r["provider"], r["instance"]): r for r in factors.tables.get("instances", [])}
        self.watts = {
            (r["provider"], r["architecture"]): (D(r["min_watts"]), D(r["max_watts"]), D(r["gb_per_chip"]))
            for r in factors.tables.get("processors", [])
        }
        self._seen: dict[Any, Machine | None] = {}

    def find(self, provider: str, type: str, vcpu: Decimal | None = None) -> Machine | None:
        """The machine of a type, or the range of its family; None where not even its cores are known."""
        key = (provider, type, vcpu)
        if key not in self._seen:
            self._seen[key] = self._find(provider, type, vcpu)
        return self._seen[key]

    def _find(self, provider: str, type: str, vcpu: Decimal | None) -> Machine | None:
        row = self.rows.get((provider, type))
        if row:
            return self._known(provider, row)
        cores = vcpu or cores_of(provider, type)
        return None if not cores else self._family(provider, type, cores)

    def _known(self, provider: str, row: Mapping[str, str]) -> Machine:
        kinds = [a for a in row["architectures"].split("|") if (provider, a) in self.watts]
        vcpu, memory = D(row["vcpu"]), D(row["memory"])
        idle, full, used = self._processor(provider, kinds)
        extra = D(0)
        if kinds and not BURSTABLE.match(row["instance"]):
            held = _middle([self.watts[provider, a][2] for a in kinds], set())
            beyond = D(row["platform_memory"]) / int(row["chips"]) - held
            extra = max(D(0), beyond) * int(row["chips"]) * vcpu / _cores(row)
        gpus = D(row["gpus"] or 0)
        low, high, gpu = self._gpu(row["gpu"]) if gpus else (D(0), D(0), ())
        return Machine(
            row["instance"], vcpu, memory, idle, full, extra,
            self._making(D(row["embodied_kg"]) * vcpu / _cores(row)), gpus, low, high, bool(kinds),
            "" if kinds else "its processor is not in the tables: the provider's average",
            (f"machine/{provider}/{row['instance']}", *used, *gpu), row,
        )  # fmt: skip

    def _processor(self, provider: str, kinds: Sequence[str]) -> tuple[Range, Range, tuple[str, ...]]:
        """Watts of a core: the mean of the processors it may run on, else the provider's average."""
        if kinds:
            idles, fulls = zip(*(self.watts[provider, a][:2] for a in kinds), strict=True)
            ids = tuple(f"watts/{provider}/{a}" for a in kinds)
            return _spread(idles, set(kinds)), _spread(fulls, set(kinds)), ids
        mine = any(p == provider for p, _ in self.watts)  # Oracle has none: all processors then
        every = [w for (p, a), w in self.watts.items() if (p == provider or not mine) and a not in OUTLIERS]
        idle, full = (
            self._average(provider, "idle", [w[0] for w in every]),
            self._average(provider, "full", [w[1] for w in every]),
        )
        return idle[0], full[0], (idle[1], full[1])

    def _average(self, provider: str, end: str, seen: Sequence[Decimal]) -> tuple[Range, str]:
        mean = self.factors.one("watts", provider, end, 9999)
        value = mean.value if mean else _middle(list(seen), set())
        return (min([value, *seen]), value, max([value, *seen])), mean.id if mean else f"watts/all/{end}"

    def _family(self, provider: str, type: str, vcpu: Decimal) -> Machine:
        """The range of the machines that are most like it: its letter and maker, else all of the provider."""
        like = self._like(provider, type)
        kinds = sorted(
            {a for r in like for a in r["architectures"].split("|") if (provider, a) in self.watts} - OUTLIERS
        )
        idle, full, ids = self._processor(provider, kinds)
        why = "of its family" if like else "of all machines of the provider"
        like = like or [r for (p, _), r in self.rows.items() if p == provider] or list(self.rows.values())
        shares = [D(r["embodied_kg"]) / _cores(r) for r in like]
        share = _spread(shares, set())
        made = tuple(self._making(s * vcpu)[n] for n, s in enumerate(share))
        memory = median([D(r["memory"]) / D(r["vcpu"]) for r in like]) * vcpu
        graphic = [r for r in like if r["gpu"]] if re.match(r"^[gp]\d|^N[CDV]|^a2", type) else []
        gpus, low, high, gpu = D(0), D(0), D(0), ()
        if graphic:
            low, high, gpu = self._gpu(graphic[0]["gpu"])
            gpus = median([D(r["gpus"]) / D(r["vcpu"]) for r in graphic]) * vcpu
        return Machine(
            type, vcpu, memory, idle, full, D(0), (made[0], made[1], made[2]), gpus, low, high, False,
            f"{type or 'no type named'}: not in the tables, the range {why}", (*ids, *gpu), {},
        )  # fmt: skip

    def _like(self, provider: str, type: str) -> list[Mapping[str, str]]:
        if provider == "AWS" and (mine := AWS_PARTS.match(type)):
            parts = [(r, AWS_PARTS.match(r["instance"])) for (p, _), r in self.rows.items() if p == provider]
            near = [
                (int(m[2]), r) for r, m in parts if m and m[1] == mine[1] and _maker(m[3]) == _maker(mine[3])
            ]
        elif provider == "Microsoft" and (mine := AZURE_PARTS.match(type)):
            parts = [
                (r, AZURE_PARTS.fullmatch(r["instance"])) for (p, _), r in self.rows.items() if p == provider
            ]
            near = [
                (int(m[4] or 1), r)
                for r, m in parts
                if m and m[1].upper() == mine[1].upper() and ("a" in m[3]) == ("a" in mine[3])
            ]
        elif provider == "Google":
            head = type.partition("-")[0]
            near = [
                (1, r)
                for (p, i), r in self.rows.items()
                if p == provider and head and i.partition("-")[0] == head
            ]
        else:
            near = []
        newest = max((n for n, _ in near), default=0)
        return [r for n, r in near if n == newest]  # one generation: older ones only widen the range

    def _making(self, share: Decimal) -> Range:
        """A share of a server's making [kgCO2e]; the life it is spread over is `emissions`' affair."""
        return share, share, share

    def _gpu(self, name: str) -> tuple[Decimal, Decimal, tuple[str, ...]]:
        short = name.replace("NVIDIA ", "")
        found: Factor | None = self.factors.one("gpu", "", short, 9999) or self.factors.one(
            "gpu", "", f"Tesla {short}", 9999
        )
        return (D(0), D(0), ()) if found is None else (found.low, found.high, (found.id,))


def _cores(row: Mapping[str, str]) -> Decimal:
    """Virtual cores of the server: three machines of the tables are larger than the server they are said to run on."""
    return max(D(row["platform_vcpu"]), D(row["vcpu"]))


def _maker(suffix: str) -> str:
    return "arm" if "g" in suffix.split("-")[0] else "amd" if "a" in suffix else "intel"


def _middle(values: Sequence[Decimal], kinds: set[str]) -> Decimal:
    return D(median(values)) if kinds & OUTLIERS else sum(values, D(0)) / len(values)


def _spread(values: Sequence[Decimal], kinds: set[str]) -> Range:
    return min(values), _middle(values, kinds), max(values)
