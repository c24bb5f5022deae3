"""What one unit costs: a gigabyte stored, a call, an inference, a token, a core, a unit of software as a service.

Quantities stand in the units of the charges (``units``); cost is EffectiveCost of usage without corrections.
"""

from __future__ import annotations

from decimal import Decimal

from helpers.measures import rows, units
from helpers.measures.measure import Condition, Measure, Sums, Table, number
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.money import total as add

UNIT = ("ConsumedUnit",)
AI = "AI and Machine Learning"


def per_gb_stored(charges: Table) -> Measure:
    """Storage cost per gigabyte kept for a month: ΣEC(Storage) / ΣGB-months [currency/GB-month].

    All cost of storage usage, requests too; the divisor is what is measured in bytes kept over time.
    """
    storage = rows.ran(charges) & (charges.ServiceCategory == "Storage")
    return _per(
        "cost-per-gigabytes-stored",
        charges,
        storage,
        units.GB_MONTH,
        "currency/GB-month",
        all_cost=True,
    )


def per_api_call(charges: Table) -> Measure:
    """Cost of API services per call: over usage of AI or API services measured in requests [currency/call]."""
    api = (
        (charges.ServiceCategory == AI)
        | (charges.ServiceSubcategory.fill_null("") == "API Management")
        | charges.ServiceName.contains("API")
    )
    return _per("cost-per-api-call", charges, rows.ran(charges) & api, units.REQUEST, "currency/call")


def per_inference(charges: Table) -> Measure:
    """Cost of AI usage measured in inferences, per inference [currency/inference]."""
    inside = rows.ran(charges) & (charges.ServiceCategory == AI)
    return _per("cost-per-inference", charges, inside, units.INFERENCE, "currency/inference")


def per_token(charges: Table, direction: str = "") -> Measure:
    """Cost of what is measured in tokens, per token [currency/token]; `direction` ``input``, ``output`` or ``cached``."""
    inside = rows.ran(charges) & (charges.ServiceCategory == AI)
    if direction:
        inside = inside & _direction(charges, direction)
    return _per(
        "token-consumption-metrics", charges, inside, units.TOKEN, "currency/token", variant=direction
    )


def cache_hit_rate(charges: Table) -> Measure:
    """Input tokens read from cache / all input tokens [ratio], where meters tell them apart."""
    ai = rows.ran(charges) & (charges.ServiceCategory == AI)
    cached = ai & _direction(charges, "cached")
    fresh = ai & _direction(charges, "input")

    def value(s: Sums) -> Decimal:
        hit, missed = units.amount(s["cached"], units.TOKEN), units.amount(s["fresh"], units.TOKEN)
        return ratio(hit, CONTEXT.add(hit, missed))

    quantity = charges.ConsumedQuantity
    return Measure(
        "cache-hit-rate",
        {"cached": quantity.sum(where=cached), "fresh": quantity.sum(where=fresh)},
        value,
        "ratio",
        charges,
        along=UNIT,
    )


def saas(charges: Table, unit: str = "") -> Measure:
    """Cost of third parties' products per unit of consumption [currency/unit].

    Over usage whose seller is no cloud and that is measured in `unit`; without `unit` in the only unit there is, and NaN
    where there are several: seats and gigabytes do not add.
    """
    inside = rows.ran(charges) & rows.sold_by_others(charges)

    def value(s: Sums) -> Decimal:
        present = [u for u, quantity in s["quantity"].items() if u and number(quantity)]
        taken = [unit] if unit else present
        if len(taken) != 1:
            return NAN
        return ratio(number(s["cost"].get(taken[0])), number(s["quantity"].get(taken[0])))

    return Measure("saas-unit-cost", _sums(charges, inside), value, "currency/unit", charges, along=UNIT)


def per_core_hour(charges: Table) -> Measure:
    """Cost of machines that ran per core and hour: ΣEC / Σ(cores × hours) [currency/core-hour], unused commitment out."""
    return _cores(charges, "hourly-cost-per-cpu-core", with_unused=False, hours=1)


def per_core_month(charges: Table) -> Measure:
    """Cost of a core for a month of 730 hours, unused commitment of compute in it [currency/core-month]."""
    return _cores(
        charges, "effective-average-compute-cost-per-core", with_unused=True, hours=units.HOURS_A_MONTH
    )


def _cores(charges: Table, id: str, with_unused: bool, hours: int) -> Measure:
    compute = charges.ServiceCategory == "Compute"
    sums = _sums(charges, rows.ran(charges) & compute & charges.x_KitCores.notnull())
    if with_unused:
        sums["unused"] = charges.EffectiveCost.sum(where=rows.unused(charges) & compute)

    def value(s: Sums) -> Decimal:
        machines = [at for at in s["quantity"] if at[0] is not None and (at[1] or "").lower() in units.HOUR]
        core_hours = add(CONTEXT.multiply(at[0], number(s["quantity"][at])) for at in machines)
        cost = add(number(s["cost"][at]) for at in machines)
        cost = add([cost, *(number(c) for c in s.get("unused", {}).values())])
        return CONTEXT.multiply(ratio(cost, core_hours), Decimal(hours))

    per = "currency/core-hour" if hours == 1 else "currency/core-month"
    return Measure(id, sums, value, per, charges, along=("x_KitCores", *UNIT))


def _direction(charges: Table, direction: str) -> Condition:
    meter = charges.SkuMeter.coalesce(charges.ChargeDescription).fill_null("").lower()
    cached = meter.contains("cache") & ~meter.contains("write")
    return {
        "cached": cached,
        "input": meter.contains("input") & ~cached,
        "output": meter.contains("output"),
    }[direction]


def _sums(charges: Table, inside: Condition) -> dict:
    return {
        "cost": charges.EffectiveCost.sum(where=inside),
        "quantity": charges.ConsumedQuantity.sum(where=inside),
    }


def _per(
    id: str,
    charges: Table,
    inside: Condition,
    family: dict[str, Decimal],
    unit: str,
    variant: str = "",
    all_cost: bool = False,
) -> Measure:
    def value(s: Sums) -> Decimal:
        cost = add(number(c) for c in s["cost"].values()) if all_cost else units.money(s["cost"], family)
        return ratio(cost, units.amount(s["quantity"], family))

    return Measure(id, _sums(charges, inside), value, unit, charges, variant, along=UNIT)
