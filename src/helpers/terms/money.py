"""Exact money: decimals of 50 digits, quotients shown at 12 places, parts that foot to their total.

Engines only add, compare and count money. Products and quotients are taken here, on the small result, because
DuckDB's division and mean return floats and its decimal products overflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

CONTEXT = Context(prec=50, rounding=ROUND_HALF_EVEN)
NAN = Decimal("NaN")
STORED_PLACES = 18  # DECIMAL(38,18) from file to total
SHOWN_PLACES = 12  # of a quotient


def exact(value: object) -> Decimal:
    """Take a number as a Decimal without passing through a float.

    Parameters
    ----------
    value : Decimal, int or str
        A float is refused: it would carry dust that no ledger has.

    Raises
    ------
    TypeError
        If `value` is a float or no number at all.

    Examples
    --------
    >>> exact("0.10") + exact(2)
    Decimal('2.10')
    """
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError(f"money is Decimal, int or text, not {type(value).__name__}: {value!r}")
    return Decimal(value)


def total(values) -> Decimal:
    """Sum of decimals [unit of `values`] at 50 digits.

    Examples
    --------
    >>> total([Decimal("0.1")] * 3)
    Decimal('0.3')
    """
    with localcontext(CONTEXT):
        return sum((exact(v) for v in values), Decimal(0))


def ratio(numerator: Decimal | int, denominator: Decimal | int) -> Decimal:
    """Quotient at 50 digits [1]; NaN where the denominator is zero, never 0.

    Examples
    --------
    >>> ratio(Decimal(1), Decimal(8))
    Decimal('0.125')
    >>> ratio(Decimal(1), Decimal(0)).is_nan()
    True
    """
    numerator, denominator = Decimal(numerator), Decimal(denominator)
    if denominator == 0 or numerator.is_nan() or denominator.is_nan():
        return NAN
    return CONTEXT.divide(numerator, denominator)


def shown(value: Decimal, places: int = SHOWN_PLACES) -> str:
    """A quotient as text at `places` places, half-even, without exponent: the form of ``results.json``.

    Examples
    --------
    >>> shown(ratio(Decimal(1), Decimal(3)))
    '0.333333333333'
    """
    with localcontext(CONTEXT):
        return format(value.quantize(Decimal(1).scaleb(-places)), "f")


def plain(value: Decimal) -> str:
    """A sum as text with all its digits and no exponent or idle zeros.

    Examples
    --------
    >>> plain(Decimal("18.006638618400000000"))
    '18.0066386184'
    >>> plain(Decimal("100.000000000000000000"))
    '100'
    """
    text = format(value if value else Decimal(0), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def written(value: Decimal) -> str:
    """A sum with all its digits; a quotient, which has more places than any sum stored, at ``SHOWN_PLACES``.

    Examples
    --------
    >>> written(Decimal("0.000000000000000001")), written(ratio(Decimal(2), Decimal(3)))
    ('0.000000000000000001', '0.666666666667')
    """
    return plain(value) if int(value.as_tuple().exponent) >= -STORED_PLACES else shown(value)


def foot(parts: Sequence[Decimal], places: int = 2) -> list[Decimal]:
    """Round parts so that they add up to the rounded total, by largest remainder.

    Parameters
    ----------
    parts : sequence of Decimal
        Exact parts [any one unit].
    places : int, default 2
        Decimal places shown; may be negative (-3 rounds to thousands).

    Returns
    -------
    list of Decimal
        One for each part, each within one unit of the last place, summing to the half-even rounded total.

    References
    ----------
    Hamilton's method of largest remainders, as used in apportionment.

    Examples
    --------
    >>> foot([Decimal("33.333"), Decimal("33.333"), Decimal("33.334")])
    [Decimal('33.33'), Decimal('33.33'), Decimal('33.34')]
    """
    with localcontext(CONTEXT):
        unit = Decimal(1).scaleb(-places)
        whole = total(parts).quantize(unit)
        floors = [p.quantize(unit, rounding="ROUND_FLOOR") for p in parts]
        missing = int((whole - sum(floors, Decimal(0))) / unit)
        by_remainder = sorted(range(len(parts)), key=lambda i: (-(parts[i] - floors[i]), i))
        for i in by_remainder[:missing]:
            floors[i] += unit
        return floors
