"""Reading an answer as a person writes it, and comparing it with the solution at the precision asked for.

A person may write ``1,234.56``, ``1.234,56``, ``USD 1 234.56``, ``12.5 %`` or ``0.125``; where one text has two
readings, both count.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

FORMS = {
    "money": "Write an amount to the cent, such as 1,234.56.",
    "percent": "Write a percentage with one decimal, such as 12.5 %.",
    "date": "Write a day, such as 2026-10-12.",
    "choice": "Choose one of the answers offered.",
}
HALF_STEP = {"money": Decimal("0.005"), "percent": Decimal("0.0005")}
_SIGNS = str.maketrans({"−": "-", "–": "-", "’": "", "'": "", "\u00a0": "", "\u202f": "", " ": "", "_": ""})
_DAYS = ("%Y-%m-%d", "%d %B %Y", "%d %b %Y", "%d.%m.%Y", "%d/%m/%Y")


def blank(answer: object) -> bool:
    """Whether nothing was answered yet: ``...``, None or empty text."""
    return answer is ... or answer is None or (isinstance(answer, str) and not answer.strip(" .…"))


def readings(answer: object, kind: str, choices: tuple[str, ...] = ()) -> tuple:
    """Every sensible value of `answer`.

    Raises
    ------
    ValueError
        With a sentence, where there is none.

    Examples
    --------
    >>> readings("USD 1,234.50", "money"), readings("12.5 %", "percent")
    ((Decimal('1234.50'),), (Decimal('0.125'),))
    >>> readings("1,234", "money")
    (Decimal('1234'), Decimal('1.234'))
    """
    if kind == "choice":
        return (_choice(str(answer), choices),)
    if kind == "date":
        return (_day(answer),)
    numbers, percent_sign = _numbers(answer)
    if kind != "percent":
        return numbers
    hundredths = tuple(n / 100 for n in numbers)
    return hundredths if percent_sign else hundredths + numbers


def meets(values: tuple, solution: object, kind: str) -> bool:
    """Whether any reading is the solution, at the precision the kind asks for."""
    step = HALF_STEP.get(kind)
    if step is None:
        return solution in values
    return isinstance(solution, Decimal) and any(abs(v - solution) <= step for v in values)


def near(values: tuple, solution: object, kind: str) -> bool:
    """Whether any reading of a number is within one percent of the solution."""
    if kind not in HALF_STEP or not isinstance(solution, Decimal):
        return False
    return any(abs(v - solution) <= abs(solution) / 100 for v in values)


def shown(value: object, kind: str, unit: str = "") -> str:
    """A solution as a person reads it: ``1,234.56 USD``, ``12.5 %``, ``12 October 2026``."""
    if isinstance(value, Decimal):
        if kind == "percent":
            return f"{(value * 100).quantize(Decimal('0.1'), ROUND_HALF_EVEN):,f} %".replace("-", "−")
        return f"{value.quantize(Decimal('0.01'), ROUND_HALF_EVEN):,f} {unit}".strip().replace("-", "−")
    return f"{value.day} {value:%B %Y}" if isinstance(value, date) else str(value)


def _numbers(answer: object) -> tuple[tuple[Decimal, ...], bool]:
    if isinstance(answer, bool):
        raise ValueError("That is a yes or no, not a number.")
    if isinstance(answer, int | float | Decimal):
        value = Decimal(str(answer))
        if not value.is_finite():
            raise ValueError("That is not a finite number: was something divided by zero?")
        return (value,), False
    text = str(answer).translate(_SIGNS)
    found = re.fullmatch(r"[A-Za-z$€£]*([+-]?)[A-Za-z$€£]*(\d[\d.,]*)(%?)[A-Za-z€]*", text)
    if not found:
        raise ValueError(f"“{str(answer)[:40]}” does not read as a number.")
    sign = -1 if found[1] == "-" else 1
    texts = {found[2].replace(",", ""), found[2].replace(".", "").replace(",", ".")}
    values = []
    for candidate in sorted(texts, key=lambda t: t != found[2].replace(",", "")):
        try:
            values.append(sign * Decimal(candidate))
        except InvalidOperation:
            continue
    kept = tuple(dict.fromkeys(v for v in values if _plausible(found[2], v)))
    if not kept:
        raise ValueError(f"“{str(answer)[:40]}” does not read as a number.")
    return kept, found[3] == "%"


def _plausible(text: str, value: Decimal) -> bool:
    """A mark that groups thousands stands before exactly three digits; the last mark may be the decimal one."""
    whole = str(value).lstrip("-").split(".")[0]
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return True
    decimal_digits = len(str(value).split(".")[1]) if "." in str(value) else 0
    head = text[:last] if decimal_digits else text
    groups = re.split(r"[.,]", head)
    return "".join(groups) == whole and all(len(g) == 3 for g in groups[1:])


def _day(answer: object) -> date:
    if isinstance(answer, datetime):
        return answer.date()
    if isinstance(answer, date):
        return answer
    for form in _DAYS:
        try:
            return datetime.strptime(str(answer).strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise ValueError(f"“{str(answer)[:40]}” does not read as a day.")


def _choice(answer: str, choices: tuple[str, ...]) -> str:
    wanted = answer.strip().casefold()
    fits = [c for c in choices if c.casefold() == wanted] or [
        c for c in choices if c.casefold().startswith(wanted)
    ]
    if len(fits) != 1:
        raise ValueError(f"“{answer[:40]}” is not one of: {'; '.join(choices)}.")
    return fits[0]
