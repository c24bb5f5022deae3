"""How numbers, amounts and days are written for people: as in English, unless the page's language or look says otherwise.

Values are never changed here, only their signs: what a machine reads (results.json, tables, files) does not pass through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

MINUS = "−"
SIGNS = MINUS + "-+±"
NARROW = "\u202f"  # a space that no line may be broken at: between thousands where a blank is asked for


@dataclass(frozen=True)
class Writing:
    """The signs of one language and organisation.

    Attributes
    ----------
    thousands, decimal : str
        Signs between thousands and before the fraction.
    amount : str
        An amount with its currency: ``{amount}`` and ``{currency}``, in the order wanted.
    symbols : mapping
        Currency code to the sign shown instead, such as {"EUR": "€"}; the code where none is named.
    day : str
        A day: ``{day}``, ``{day2}`` (two digits), ``{month}`` (name), ``{month2}``, ``{year}``.
    title : str
        A month with its year: ``{month}``, ``{month2}``, ``{year}``.
    months : tuple of str
        Twelve names; empty for the English ones.
    percent : str
        A percentage: ``{number}``.
    per : str
        An amount for each unit: ``{amount}``, ``{unit}``.
    units : mapping
        English unit to this language's; what is not named stays.
    """

    thousands: str = ","
    decimal: str = "."
    amount: str = "{amount} {currency}"
    symbols: Mapping[str, str] = field(default_factory=dict)
    day: str = "{day} {month} {year}"
    title: str = "{month} {year}"
    months: tuple[str, ...] = ()
    percent: str = "{number} %"
    per: str = "{amount} per {unit}"
    units: Mapping[str, str] = field(default_factory=dict)

    def figures(self, text: str) -> str:
        """A number written as in English, ``1,234.56``, with these signs.

        Examples
        --------
        >>> Writing(thousands=".", decimal=",").figures("−1,234.56")
        '−1.234,56'
        """
        if self.thousands == "," and self.decimal == ".":
            return text
        thousands = NARROW if self.thousands == " " else self.thousands
        return text.translate({44: thousands, 46: self.decimal})

    def money(self, amount: str, currency: str) -> str:
        """An amount, already in figures, with its currency; a sign stands before both.

        Examples
        --------
        >>> Writing(amount="{currency}{amount}", symbols={"USD": "$"}).money("−12.50", "USD")
        '−$12.50'
        """
        sign = amount[:1] if amount[:1] in SIGNS and not self.amount.startswith("{amount}") else ""
        said = self.amount.replace("{amount}", amount[len(sign) :])
        return sign + said.replace("{currency}", self.symbols.get(currency, currency)).strip()

    def of_day(self, day: date) -> str:
        """A day.

        Examples
        --------
        >>> Writing(day="{day2}.{month2}.{year}").of_day(date(2026, 11, 6))
        '06.11.2026'
        """
        return self._dated(self.day, day.year, day.month).replace("{day2}", f"{day.day:02d}").replace(
            "{day}", str(day.day)
        )  # fmt: skip

    def of_month(self, year: int, month: int) -> str:
        """A month with its year.

        Examples
        --------
        >>> Writing().of_month(2026, 9)
        'September 2026'
        """
        return self._dated(self.title, year, month)

    def unit(self, english: str) -> str:
        """A unit's name."""
        return self.units.get(english, english)

    def month(self, month: int) -> str:
        """A month's name."""
        return self.months[month - 1] if self.months else ENGLISH[month - 1]

    def _dated(self, pattern: str, year: int, month: int) -> str:
        named = {"{month}": self.month(month), "{month2}": f"{month:02d}", "{year}": f"{year:04d}"}
        for name, value in named.items():
            pattern = pattern.replace(name, value)
        return pattern


ENGLISH = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
PLAIN = Writing()
_source: list[Callable[[], Writing]] = []


def now() -> Writing:
    """The signs of the page at hand; the English ones where no page is made."""
    return _source[-1]() if _source else PLAIN


def from_here(source: Callable[[], Writing]) -> None:
    """Tell who knows the page's language and look: `helpers.views.look`, which stands above this layer."""
    _source[:] = [source]
