"""Numbers as a person reads them in a sentence; exact values stay where they are."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from helpers.terms import writing
from helpers.terms.money import CONTEXT


def money(value: Decimal, currency: str | None, digits: int = 0) -> str:
    """An amount with its currency.

    Examples
    --------
    >>> money(Decimal("-1234.5"), "USD")
    '−1,234 USD'
    """
    return writing.now().money(_fixed(value, digits), currency or "")


def quantity(value: Decimal, unit: str, currency: str | None, digits: int, shown_as: str = "") -> str:
    """A KPI's value in its unit: a ratio in per cent (or as a factor), money with its currency.

    Examples
    --------
    >>> quantity(Decimal("0.15"), "ratio", "USD", 1)
    '15 %'
    >>> quantity(Decimal("0.0234"), "currency/GB-month", "USD", 4)
    '0.0234 USD per GB-month'
    """
    signs = writing.now()
    if unit == "ratio":
        if shown_as == "factor":
            return f"{_fixed(value, digits)} ×"
        text = _trimmed(_fixed(CONTEXT.multiply(value, Decimal(100)), digits))
        return signs.percent.format(number=text)
    if unit == "currency":
        return money(value, currency, digits)
    if unit.startswith("currency/"):
        return _each(money(value, currency, digits), unit.removeprefix("currency/"), currency)
    first, _, per = unit.partition("/")
    said = (
        f"{_trimmed(_fixed(value, digits))} {signs.unit(first).replace('currency', currency or 'currency')}"
    )
    return _each(said.strip(), per, currency)


def _each(said: str, units: str, currency: str | None) -> str:
    signs = writing.now()
    for unit in units.split("/") if units else ():
        said = signs.per.format(
            amount=said, unit=signs.unit(unit).replace("currency", currency or "currency")
        )
    return said


def _trimmed(text: str) -> str:
    point = writing.now().decimal
    return text.rstrip("0").removesuffix(point) if point in text else text


def _fixed(value: Decimal, digits: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN, CONTEXT)
    return f"{writing.MINUS if rounded < 0 else ''}{writing.now().figures(f'{abs(rounded):,f}')}"
