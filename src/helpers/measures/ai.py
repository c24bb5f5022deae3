"""AI features: tokens by model and direction, their price, what a cache answered, and what it could."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.measures import rows, units
from helpers.measures.measure import CURRENCY, Table, number
from helpers.measures.products import PERIOD, PRODUCT, assigned
from helpers.measures.unit_cost import AI, _direction
from helpers.terms.money import CONTEXT, NAN, ratio
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

CACHEABLE = Decimal(
    "0.4"
)  # part of input tokens that a prompt sent again and again lets a cache answer: ours, see docs
THOUSAND = Decimal(1000)
DIRECTIONS = ("input", "cached", "output")
COLUMNS = (
    "product", "model", "currency", "input", "cached", "output", "cost", "per_thousand", "input_price",
    "cached_price", "output_price", "cached_share", "saving", "reason",
)  # fmt: skip


def models(
    charges: Table, products: pd.DataFrame, which: Month, cacheable: Decimal = CACHEABLE
) -> pd.DataFrame:
    """One row for each product, service with models, and currency, the dearest first.

    Parameters
    ----------
    charges : ibis Table
        Columns EffectiveCost, ConsumedQuantity, ConsumedUnit, SkuMeter, ChargeDescription, ServiceCategory, ServiceName, …
    products : DataFrame
    cacheable : Decimal
        Share of input tokens that could come from a cache [ratio].

    Returns
    -------
    DataFrame
        input, cached, output [tokens]; cost [currency]; per_thousand and prices [currency/1,000 tokens]; cached_share of
        input tokens [ratio]; saving [currency]: tokens up to `cacheable` that a cache does not answer yet, times the
        difference of the two prices paid. NaN with a reason where the model has no cached price.
    """
    import ibis
    import pandas as pd

    table = assigned(charges.filter(charges[PERIOD] == str(which)), products)
    table = table.filter(rows.ran(table) & (table.ServiceCategory == AI) & table[PRODUCT].notnull())
    direction = ibis.cases(*((_direction(table, d), d) for d in ("cached", "input", "output")), else_="other")
    found = table.aggregate(
        by=[
            table[PRODUCT],
            table.ServiceName,
            table[CURRENCY],
            table.ConsumedUnit,
            direction.name("direction"),
        ],
        quantity=table.ConsumedQuantity.sum(),
        cost=table.EffectiveCost.sum(),
    )
    groups: dict[tuple[str, str, str], dict[str, tuple[Decimal, Decimal]]] = {}
    for r in found.to_pyarrow().to_pylist():
        tokens = units.amount({r["ConsumedUnit"]: r["quantity"]}, units.TOKEN)
        if r["direction"] == "other" or not tokens:
            continue
        held = groups.setdefault((r[PRODUCT], r["ServiceName"], r[CURRENCY]), {})
        a, b = held.get(r["direction"], (Decimal(0), Decimal(0)))
        held[r["direction"]] = (CONTEXT.add(a, tokens), CONTEXT.add(b, number(r["cost"])))
    lines = [_line(key, held, cacheable) for key, held in groups.items()]
    lines.sort(key=lambda r: (-r["cost"], r["model"]))
    return pd.DataFrame(lines, columns=list(COLUMNS), dtype=object)


def _line(key, held, cacheable) -> dict[str, Any]:
    zero = (Decimal(0), Decimal(0))
    tokens = {d: held.get(d, zero)[0] for d in DIRECTIONS}
    cost = {d: held.get(d, zero)[1] for d in DIRECTIONS}
    prices = {d: CONTEXT.multiply(ratio(cost[d], tokens[d]), THOUSAND) for d in DIRECTIONS}
    whole = sum(cost.values(), Decimal(0))
    all_input = CONTEXT.add(tokens["input"], tokens["cached"])
    share = ratio(tokens["cached"], all_input)
    saving, reason = NAN, ""
    if share.is_nan():
        reason = "no input tokens are measured"
    elif prices["cached"].is_nan():
        reason = "no token came from a cache, so its price is not known from these charges"
    else:
        more = max(CONTEXT.subtract(CONTEXT.multiply(cacheable, all_input), tokens["cached"]), Decimal(0))
        gap = CONTEXT.subtract(prices["input"], prices["cached"])
        saving = max(CONTEXT.divide(CONTEXT.multiply(more, gap), THOUSAND), Decimal(0))
    return {
        "product": key[0], "model": key[1], "currency": key[2], **tokens, "cost": whole,
        "per_thousand": CONTEXT.multiply(ratio(whole, sum(tokens.values(), Decimal(0))), THOUSAND),
        "input_price": prices["input"], "cached_price": prices["cached"], "output_price": prices["output"],
        "cached_share": share, "saving": saving, "reason": reason,
    }  # fmt: skip
