"""Numbers as a person reads them in a sentence; exact values stay where they are."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from helpers.terms.money import CONTEXT


def money(value: Decimal, currency: str | None, digits: int = 0) -> str:
    """An amount with its currency.

    Examples
    --------
    >>> money(Decimal("-1234.5"), "USD")
    '−1,234 USD'
    """
    return f"{_fixed(value, digits)} {currency or ''}".strip()


def quantity(value: Decimal, unit: str, currency: str | None, digits: int, shown_as: str = "") -> str:
    """A KPI's value in its unit: a ratio in per cent (or as a factor), money with its currency.

    Examples
    --------
    >>> quantity(Decimal("0.15"), "ratio", "USD", 1)
    '15 %'
    >>> quantity(Decimal("0.0234"), "currency/GB-month", "USD", 4)
    '0.0234 USD per GB-month'
    """
    if unit == "ratio":
        if shown_as == "factor":
            return f"{_fixed(value, digits)} ×"
        text = _fixed(CONTEXT.multiply(value, Decimal(100)), digits)
        return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"
    if unit == "currency":
        return money(value, currency, digits)
    if unit.startswith("currency/"):
        return f"{money(value, currency, digits)} per {unit.removeprefix('currency/')}"
    text = _fixed(value, digits)
    said = unit.replace("currency", currency or "currency").replace("/", " per ")
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {said}".strip()


def _fixed(value: Decimal, digits: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN, CONTEXT)
    return f"{abs(rounded):,f}" if rounded >= 0 else f"−{abs(rounded):,f}"
