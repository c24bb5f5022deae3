"""Energy and emissions of charges, by two published methods, each line with a range, a grade and the factors it used.

`estimate` takes what was used (one row by resource, SKU and month) and gives one line for each: energy, operational and
embodied emissions, location- and market-based, in Decimal kilograms of fixed places, so that any sum of lines is exact and
`trace` shows what a figure is made of. What has no factor is a gap: its emissions are None, never zero.

References
----------
Cloud Carbon Footprint, methodology and embodied emissions (repository cloud-carbon-footprint/cloud-carbon-footprint,
microsite/docs), read 2026-11-26. Boavizta: see `helpers.models.lifecycle`. What is ours is said in docs/emissions.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.models import lifecycle
from helpers.models.carbon_factors import Factor, Factors, place, short_provider
from helpers.models.machines import Machine, Machines, type_of
from helpers.terms.errors import UsageError
from helpers.terms.money import CONTEXT
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

D = Decimal
PLACES = D("0.000000001")  # kgCO2e: a microgram
METHODS = {"ccf": "Cloud Carbon Footprint", "boavizta": "Boavizta life cycle"}
KEYS = (
    "period", "provider", "host", "category", "subcategory", "service", "region", "account", "department", "owner",
    "tagged", "policy", "resource", "name", "sku", "meter", "details", "description", "unit", "tier", "cores", "currency",
)  # fmt: skip
FOUND = (
    "kind", "machine", "vcpu_hours", "load", "kwh", "operational", "embodied", "low", "kg", "high", "market", "grade",
    "gap", "year", "old", "pue", "grid", "factors",
)  # fmt: skip
GRADES = {
    "A": "measured use",
    "B": "known quantity or machine, use assumed",
    "C": "range of a family or of regions",
    "D": "from spend only",
    "": "no figure",
}
CLOUDS = ("AWS", "Microsoft", "Google", "Oracle")
MEASURED_ENOUGH = D("0.5")  # share of a month's hours that must be measured
READING = D("0.1")  # spread of the watts of one processor as read from benchmarks of many servers; ours
NOTHING = re.compile(r"(?i)extended ?support|\bsupport\b|licen[cs]e|\bseats?\b|subscription fee")
STORED = re.compile(r"(?i)^(g|t|m)i?b?[- /]?(?:bytes?[- /]?)?(months?|mo|hours?|hrs?|h)$")
AMOUNT = {"m": D("0.001"), "g": D(1), "t": D(1000)}  # -> GB
HOURS = {"hours", "hour", "hrs", "hr", "h"}
TRAFFIC = {"gb", "gib", "gigabyte", "gigabytes", "tb", "tib"}
LAMBDA_GB = D("1.792")  # memory that comes with one virtual core


@dataclass(frozen=True)
class Use:
    """Measured use of a resource in a month.

    Attributes
    ----------
    load : Decimal
        Mean processor use [ratio].
    hours : Decimal
        Hours measured [h].
    """

    load: Decimal
    hours: Decimal


def estimate(
    activity: Any,
    factors: Factors,
    use: Mapping[tuple[str, str], Use] | None = None,
    method: str = "ccf",
) -> pd.DataFrame:
    """Emissions of each row of what was used.

    Parameters
    ----------
    activity : DataFrame
        Columns `KEYS` (texts; `cores` Decimal or None; `tagged`, `policy` bool or None), ``quantity`` [unit, Decimal],
        ``cost`` [currency, Decimal], ``charges`` [1]. Form of `helpers.measures.activity.table`.
    factors : Factors
    use : mapping, optional
        (period, resource) -> `Use`.
    method : str
        ``ccf`` or ``boavizta``.

    Returns
    -------
    DataFrame
        The same rows with ``kind`` (compute, cores, function, memory, storage, network, spend, none, gap); ``machine``;
        ``vcpu_hours`` [h]; ``load`` [ratio]; ``kwh`` [kWh, PUE included]; ``operational`` and ``embodied`` [kgCO2e];
        ``low``, ``kg``, ``high`` [kgCO2e, location-based, both together]; ``market`` [kgCO2e]; ``grade`` (`GRADES`); ``gap``
        (why there is no figure); ``year`` of the grid factor and whether it is ``old``; ``pue`` [1], ``grid`` [kgCO2e/kWh];
        ``factors``, their ids.

    Raises
    ------
    UsageError
        For a method that is none.
    """
    import pandas as pd

    if method not in METHODS:
        raise UsageError(f"method {method!r}", f"one of {', '.join(METHODS)}", "name one of them")
    lines = _Lines(factors, use or {}, method)
    rows = activity.to_dict("records")
    found = [lines.line(r) for r in rows]
    lines.spend(rows, found)
    columns = [*KEYS, "quantity", "cost", "charges", *FOUND]
    return pd.DataFrame([{**r, **f} for r, f in zip(rows, found, strict=True)], columns=columns, dtype=object)


def trace(lines: Any, factors: Factors | None = None, **where: Any) -> pd.DataFrame:
    """What a figure is made of: the lines behind it, which add up to it exactly, with their factors.

    Parameters
    ----------
    lines : DataFrame
        Of `estimate`.
    factors : Factors, optional
        Then a column ``values`` says each factor with value, unit, year and source.
    **where
        Column = value, such as ``service="Amazon EC2"``, ``period="2026-09"``, ``grade="A"``.

    Returns
    -------
    DataFrame
        The lines that fit, the largest first. Their column ``kg`` adds up to the figure; ``charges`` says how many charges
        each line stands for, and `helpers.measures.activity.charges_of` gives them.
    """
    for column in where:
        if column not in lines.columns:
            raise UsageError(
                f"no column {column}", f"one of {', '.join(lines.columns)}", "name a column of the lines"
            )
    for column, value in where.items():
        lines = lines[lines[column] == value]
    order = sorted(range(len(lines)), key=lambda n: (-(lines["kg"].iloc[n] or D(0)), n))
    found = lines.iloc[order].reset_index(drop=True)
    if factors is None:
        return found
    by_id = {f.id: f for f in factors.every()}
    return found.assign(values=[_said(ids, by_id, factors) for ids in found["factors"]])


def total(lines: Any, column: str = "kg") -> Decimal:
    """Sum of a column of lines, gaps left out: exact, since all lines have the same places."""
    return sum((v for v in lines[column] if isinstance(v, Decimal)), D(0))


def by(lines: Any, column: str) -> pd.DataFrame:
    """Emissions by the values of a column, the largest first.

    Returns
    -------
    DataFrame
        `column`, ``low``, ``kg``, ``high``, ``market`` [kgCO2e], ``cost`` [mixed currencies are not added: None then],
        ``unknown`` [share of cost without a figure, ratio].
    """
    import pandas as pd

    rows = []
    for name, part in lines.groupby(column, sort=True, dropna=False):
        rows.append({column: None if name != name else name} | _sums(part))
    rows.sort(key=lambda r: (-r["kg"], str(r[column])))
    return pd.DataFrame(rows, columns=[column, "low", "kg", "high", "market", "kwh", "lines"], dtype=object)


def _sums(part: Any) -> dict[str, Any]:
    known = part[part["grade"] != ""]
    names = ("low", "kg", "high", "market", "kwh")
    return {n: total(known, n) for n in names} | {"lines": len(known)}


def grades(lines: Any) -> pd.DataFrame:
    """Emissions and cost by grade: how much of the figure rests on what.

    Returns
    -------
    DataFrame
        ``grade``, ``meaning``, ``kg`` [kgCO2e], ``share`` [ratio of all kg], ``lines`` [1].
    """
    import pandas as pd

    used = lines[lines["kind"] != "none"]
    whole = total(used)
    rows = []
    for grade, meaning in GRADES.items():
        part = used[used["grade"] == grade]
        if len(part):
            kg = total(part)
            share = CONTEXT.divide(kg, whole) if whole and grade else None
            rows.append(
                {
                    "grade": grade or "–",
                    "meaning": meaning,
                    "kg": kg if grade else None,
                    "share": share,
                    "lines": len(part),
                }
            )
    return pd.DataFrame(rows, columns=["grade", "meaning", "kg", "share", "lines"], dtype=object)


def gaps(lines: Any) -> pd.DataFrame:
    """What has no figure: by vendor, resource and reason, with its cost, the dearest first."""
    import pandas as pd

    found: dict[tuple, dict[str, Any]] = {}
    for r in lines[lines["kind"] == "gap"].to_dict("records"):
        key = (r["provider"], r["name"] or r["service"], r["resource"], r["currency"], r["gap"])
        row = found.setdefault(
            key,
            {
                "provider": key[0],
                "name": key[1],
                "resource": key[2],
                "cost": D(0),
                "currency": key[3],
                "reason": key[4],
            },
        )
        row["cost"] += r["cost"] or D(0)
    rows = sorted(found.values(), key=lambda r: (-r["cost"], str(r["name"])))
    return pd.DataFrame(
        rows, columns=["provider", "name", "resource", "cost", "currency", "reason"], dtype=object
    )


def stale(lines: Any) -> pd.DataFrame:
    """Regions whose grid factor is more than two years older than their charges: provider, region, year, kg."""
    import pandas as pd

    rows: dict[tuple, Decimal] = {}
    for r in lines[lines["old"].eq(True)].to_dict("records"):
        key = (short_provider(r["provider"]), r["region"], r["year"])
        rows[key] = rows.get(key, D(0)) + (r["kg"] or D(0))
    found = [{"provider": p, "region": g, "year": y, "kg": kg} for (p, g, y), kg in rows.items()]
    found.sort(key=lambda r: (-r["kg"], r["provider"], str(r["region"])))
    return pd.DataFrame(found, columns=["provider", "region", "year", "kg"])


def carbon_of(resources: Iterable[str], lines: Any) -> dict[str, Decimal | None]:
    """Emissions of each resource in the lines' months [kgCO2e]: for a column beside money in any table of resources.

    None where a resource has no figure.
    """
    sums: dict[str, Decimal] = {}
    for resource, kg in zip(lines["resource"], lines["kg"], strict=True):
        if isinstance(kg, Decimal) and isinstance(resource, str):
            sums[resource] = sums.get(resource, D(0)) + kg
    return {r: sums.get(r) for r in resources}


class _Lines:
    """The estimator of one run."""

    def __init__(self, factors: Factors, use: Mapping[tuple[str, str], Use], method: str) -> None:
        self.factors, self.use, self.method = factors, use, method
        self.machines = Machines(factors)

    def line(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """One row's figures."""
        found: dict[str, Any] = dict.fromkeys(FOUND)
        found |= {"grade": "", "gap": "", "old": False, "factors": ""}
        provider = short_provider(row["host"] or row["provider"])
        kind, why = classify(row, provider)
        found["kind"] = kind
        if kind in ("none", "gap", "spend"):
            found["gap"] = why
            return found
        quantity = row["quantity"]
        if quantity is None or quantity < 0:
            return found | {
                "kind": "gap",
                "gap": "no quantity" if quantity is None else "a quantity below zero",
            }
        year, hours = int(row["period"][:4]), D(Month.parse(row["period"]).days * 24)
        taken = getattr(self, f"_{kind}")(row, provider, quantity, year, hours)
        return found | (
            taken or {"kind": "gap", "gap": f"no machine or cores known for {row['meter'] or row['sku']}"}
        )

    def _compute(self, row, provider, quantity, year, hours):
        kind = type_of(provider, row["details"], row["description"], row["meter"])
        machine = self.machines.find(provider, kind, row["cores"])
        return machine and self._machine(row, provider, machine, quantity, year, hours)

    def _cores(self, row, provider, quantity, year, hours):
        """Virtual cores by the hour, of no named machine; an Oracle core is two virtual ones."""
        cores = quantity * 2 if "ocpu" in (row["unit"] or "").lower() else quantity
        machine = self.machines.find(provider, "", D(1))
        return machine and self._machine(row, provider, machine, cores, year, hours)

    def _function(self, row, provider, quantity, year, hours):
        machine = self.machines.find(provider, "", D(1))
        return machine and self._machine(row, provider, machine, quantity / LAMBDA_GB / 3600, year, hours)

    def _machine(self, row, provider, machine: Machine, quantity, year, hours):
        load, grade, why = self._load(row, hours, year)
        if not machine.known:
            grade, why = "C", machine.why
        ids = list(machine.factors)
        if grade != "A":
            ids.append(self._need("use", provider, year).id)
        watts, made = self._watts(machine, load), self._making(machine)
        energy = tuple(w * quantity / 1000 for w in watts)
        embodied = tuple(m * quantity for m in made)
        if self.method == "ccf":
            ids.append(self._need("lifetime", "", year, "ccf").id)
        if machine.extra_memory and self.method == "ccf":
            memory = self._need("memory", provider, year)
            extra = tuple(
                x * machine.extra_memory * quantity for x in (memory.low, memory.value, memory.high)
            )
            energy = tuple(e + x for e, x in zip(energy, extra, strict=True))
            ids.append(memory.id)
        found = self._grid(row, provider, year, energy, embodied, grade, ids)
        return found | {
            "machine": machine.type, "vcpu_hours": machine.vcpu * quantity, "load": load[1], "gap": found["gap"] or why,
        }  # fmt: skip

    def _load(self, row, hours, year) -> tuple[tuple[Decimal, Decimal, Decimal], str, str]:
        """Low, middle, high use [ratio], grade, and why it is not measured."""
        assumed = self._need("use", short_provider(row["provider"]), year)
        guess = (assumed.low, assumed.value, assumed.high)
        known = self.use.get((row["period"], row["resource"] or ""))
        if known is None:
            return guess, "B", ""
        if not 0 <= known.load <= 1:
            said = f"{known.load * 100:.0f}"
            return guess, "B", f"measured use of {said} % cannot be: assumed instead"
        if known.hours < MEASURED_ENOUGH * hours:
            return guess, "B", "measured in less than half of the hours: assumed instead"
        return (known.load, known.load, known.load), "A", ""

    def _watts(self, m: Machine, load: tuple[Decimal, Decimal, Decimal]) -> tuple[Decimal, ...]:
        """Watts of one machine, without the data centre's share: low, middle, high."""
        if self.method == "boavizta" and m.gpus == 0:
            server = _server(m)
            return tuple(lifecycle.power(server, m.vcpu, m.memory, x * 100, n) for n, x in enumerate(load))
        spread = (1 - READING, D(1), 1 + READING)
        core = tuple(
            (i + x * (f - i)) * m.vcpu * s for i, f, x, s in zip(m.idle, m.full, load, spread, strict=True)
        )
        gpu = tuple((m.gpu_idle + x * (m.gpu_full - m.gpu_idle)) * m.gpus for x in load)
        return tuple(a + b for a, b in zip(core, gpu, strict=True))

    def _making(self, m: Machine) -> tuple[Decimal, ...]:
        """Embodied emissions of one machine and hour [kgCO2e/h]: low, middle, high."""
        if self.method == "boavizta":
            server = _server(m)
            return tuple(lifecycle.making(server, m.vcpu, m.memory, n) for n in range(3))
        life = self._need("lifetime", "", 9999, "ccf")  # a longer life spreads the same making thinner
        return tuple(
            CONTEXT.divide(e, years)
            for e, years in zip(m.embodied, (life.high, life.value, life.low), strict=True)
        )

    def _memory(self, row, provider, quantity, year, hours):
        f = self._need("memory", provider, year)
        energy = tuple(x * quantity for x in (f.low, f.value, f.high))
        return self._grid(row, provider, year, energy, (D(0),) * 3, "B", [f.id])

    def _network(self, row, provider, quantity, year, hours):
        f = self._need("network", provider, year)
        gb = quantity * (1000 if (row["unit"] or "").lower().startswith("t") else 1)
        return self._grid(
            row, provider, year, tuple(x * gb for x in (f.low, f.value, f.high)), (D(0),) * 3, "B", [f.id]
        )

    def _storage(self, row, provider, quantity, year, hours):
        size, time = _stored(row["unit"])
        gb_hours = quantity * AMOUNT[size.lower()] * (hours if time.lower().startswith("mo") else 1)
        disk, copies = stored_on(row)
        watts = self._need("storage", provider, year, disk)
        copy = self.factors.one("replication", provider, copies, year)
        grade = "B" if copy else "C"
        n = (copy.low, copy.value, copy.high) if copy else (D(1), D(2), D(3))
        energy = tuple(
            gb_hours / 1000 * w * c / 1000
            for w, c in zip((watts.low, watts.value, watts.high), n, strict=True)
        )
        made = (D(0),) * 3  # Cloud Carbon Footprint reckons the making of servers only
        if self.method == "boavizta":
            made = tuple(lifecycle.disk_making(disk, i) * gb_hours * c for i, c in enumerate(n))
        ids = [watts.id, *([copy.id] if copy else [])]
        return self._grid(row, provider, year, energy, made, grade, ids)

    def _grid(self, row, provider, year, energy, embodied, grade, ids) -> dict[str, Any]:
        """Energy to emissions: with the data centre's share (PUE) and the grid of the region and year."""
        region = place(provider, row["region"])
        pue = self.factors.one("pue", provider, region, year)
        grid, why = self._region(provider, region, year)
        if grid is None or pue is None:
            reason = f"no {'grid' if grid is None else 'PUE'} factor for {provider}"
            return {"kind": "gap", "gap": reason, "grade": ""}
        if why:
            grade = "C"
        kwh = tuple(e * p for e, p in zip(energy, (pue.low, pue.value, pue.high), strict=True))
        operational = tuple(
            _fixed(k * g) for k, g in zip(kwh, (grid.low, grid.value, grid.high), strict=True)
        )
        making = tuple(_fixed(m) for m in embodied)
        market = self.factors.market(provider, region, year)
        bought = operational[1] if market is None else _fixed(kwh[1] * market.value)
        used = [*ids, pue.id, grid.id, *(market.id.split("+") if market else [])]
        middle = operational[1] + making[1]
        return {
            "kwh": kwh[1].quantize(PLACES), "operational": operational[1], "embodied": making[1],
            "low": min(operational[0] + making[0], middle), "kg": middle,
            "high": max(operational[2] + making[2], middle), "market": bought + making[1],
            "grade": grade, "gap": why, "year": grid.year, "old": grid.old(year), "pue": pue.value, "grid": grid.value,
            "factors": ";".join(dict.fromkeys(used)),
        }  # fmt: skip

    def _region(self, provider: str, region: str, year: int) -> tuple[Factor | None, str]:
        """The region's factor; where it is not known the range of all of the provider's regions."""
        grid = self.factors.grid(provider, region, year)
        if grid is not None:
            return grid, ""
        every = self.factors.grids(provider, year)
        if not every:
            return None, ""
        middle = every[len(every) // 2]
        low, high = min(f.low for f in every), max(f.high for f in every)
        said = f"region {region or 'not named'} is not in the tables: the range of the provider's regions"
        return Factor(**{**vars(middle), "low": low, "high": high}), said

    def spend(self, rows: Sequence[Mapping[str, Any]], found: list[dict[str, Any]]) -> None:
        """What only has a cost, by what a unit of money emits in the same cloud and month; a wide range, graded lowest."""
        known: dict[tuple, dict[str, list[Decimal]]] = {}
        for row, f in zip(rows, found, strict=True):
            if f["grade"] in ("A", "B", "C") and (row["cost"] or 0) > 0:
                key = (short_provider(row["host"] or row["provider"]), row["period"], row["currency"])
                cell = known.setdefault(key, {}).setdefault(row["category"] or "", [D(0)] * 6)
                for i, v in enumerate(
                    (row["cost"], f["operational"], f["embodied"], f["market"], f["kwh"], D(0))
                ):
                    cell[i] += v
        for row, f in zip(rows, found, strict=True):
            if f["kind"] != "spend":
                continue
            provider = short_provider(row["host"] or row["provider"])
            cells = known.get((provider, row["period"], row["currency"]))
            if not cells or row["cost"] is None or row["cost"] < 0:
                f |= {"kind": "gap", "gap": f"{f['gap']}, and no figure of the month to take its money by"}
                continue
            f |= _by_spend(row["cost"], cells, f["gap"])

    def _need(self, kind: str, provider: str, year: int, region: str = "") -> Factor:
        found = self.factors.one(kind, provider, region, year)
        if found is None:
            raise UsageError(
                f"no factor {kind} {region}".strip(),
                "the kit's tables",
                "reinstall the kit, or add it to carbon_factors.csv",
            )
        return found


def classify(row: Mapping[str, Any], provider: str) -> tuple[str, str]:
    """What kind of use a row is, and why where it is none: by unit and category, as Cloud Carbon Footprint goes about it.

    Examples
    --------
    >>> row = dict.fromkeys(KEYS) | {"unit": "GB-Months", "category": "Storage"}
    >>> classify(row, "AWS")
    ('storage', '')
    """
    unit = (row["unit"] or "").strip().lower()
    words = f"{row['meter'] or ''} {row['subcategory'] or ''} {row['description'] or ''}"
    if NOTHING.search(words):
        return ("none", "a fee: nothing runs for it") if provider in CLOUDS else ("gap", _vendor(row))
    if provider not in CLOUDS:
        return "gap", _vendor(row)
    if row["category"] == "Business Applications":
        return "gap", _vendor(row)
    if STORED.match(unit):
        memory = re.search(r"(?i)memory|\bram\b", words) and not unit.endswith(("months", "month", "mo"))
        return ("memory" if memory or row["category"] == "Compute" else "storage"), ""
    if unit in ("gb hours", "gb-hours", "gib hours"):
        return "memory", ""
    if re.fullmatch(r"(vcpu|ocpu|core|cpu)s?[- /]?(hours?|hrs?|h)", unit):
        return "cores", ""
    if re.fullmatch(r"gi?b[- /]?seconds?", unit):
        return "function", ""
    if unit in HOURS and (
        type_of(provider, row["details"], row["description"], row["meter"]) or row["cores"]
    ):
        return "compute", ""
    if unit in TRAFFIC and row["category"] == "Networking":
        return "network", ""
    return "spend", f"measured in {row['unit'] or 'nothing'}, for which there is no published factor"


def _vendor(row: Mapping[str, Any]) -> str:
    return f"{row['provider'] or 'the vendor'} reports no emissions, and no factor is published for it"


def _stored(unit: str) -> tuple[str, str]:
    """Size and time of a unit that `classify` has taken for storage."""
    found = STORED.match(unit.strip())
    assert found is not None
    return found[1], found[2]


def stored_on(row: Mapping[str, Any]) -> tuple[str, str]:
    """Disk (``SSD`` or ``HDD``) and kind of copies (``block``, ``object``, ``backup``) of a storage row."""
    words = f"{row['subcategory'] or ''} {row['meter'] or ''}".lower()
    if re.search(r"snapshot|backup", words):
        return "HDD", "backup"
    if re.search(r"block storage|volume|disk\b|\bio[12]\b|\bgp[23]\b", words):
        return ("HDD" if re.search(r"\b(st1|sc1|hdd|standard hdd)\b", words) else "SSD"), "block"
    return "HDD", "object"


def _server(m: Machine) -> lifecycle.Server:
    """The server below a machine for the life-cycle method, from the table's platform; a usual one where it is not known."""
    if not m.server:
        return lifecycle.Server(D(96), D(96) * m.memory / m.vcpu, 2, D(24))
    vcpu, chips = max(D(m.server["platform_vcpu"]), m.vcpu), int(m.server["chips"])
    arm = "Graviton" in m.server["architectures"]
    tdp = D(m.server["tdp"]) if m.server["tdp"] else None
    return lifecycle.Server(
        vcpu, D(m.server["platform_memory"]), chips, vcpu / chips / (1 if arm else 2), tdp=tdp
    )


def _by_spend(cost: Decimal, cells: Mapping[str, list[Decimal]], why: str) -> dict[str, Any]:
    whole = [sum((c[i] for c in cells.values()), D(0)) for i in range(5)]
    rates = [CONTEXT.divide(c[1] + c[2], c[0]) for c in cells.values()]

    def scaled(value: Decimal) -> Decimal:
        return _fixed(CONTEXT.divide(cost * value, whole[0]))

    operational, embodied = scaled(whole[1]), scaled(whole[2])
    kg = operational + embodied
    return {
        "kwh": scaled(whole[4]), "operational": operational, "embodied": embodied, "kg": kg,
        "low": D(0).quantize(PLACES), "high": max(_fixed(cost * max(rates)), kg), "market": scaled(whole[3]),
        "grade": "D", "gap": why, "factors": "spend",
    }  # fmt: skip


def _fixed(value: Decimal) -> Decimal:
    return value.quantize(PLACES, context=CONTEXT)


def _said(ids: str, by_id: Mapping[str, Factor], factors: Factors) -> str:
    said = []
    for id in filter(None, ids.split(";")):
        f = by_id.get(id)
        if f is not None:
            said.append(f"{id} = {f.value.normalize():f} {f.unit} ({f.source})")
        else:
            said.append(id)
    return "; ".join(said)
