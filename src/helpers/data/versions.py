"""FOCUS 1.0 to 1.4 by its columns, and the one SQL SELECT that raises text columns to 1.4. See docs/focus-versions.md.

The SELECT is strict: whatever it cannot take raises, and `explain` then finds the place. Two small functions in Python
(`register`) see only values that the engine would round or take wrongly: many digits, exponents, odd tags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from helpers.data.layout import quoted, slice_key, stored_columns
from helpers.terms import focus
from helpers.terms.errors import BadInput
from helpers.terms.money import CONTEXT, STORED_PLACES

NULLS = ("", "NULL", "null")
NAMED = 6  # columns that a note names; of more it gives the number, docs/focus-versions.md lists them
# Without these no charge can be placed, added or compared; other columns that a version demands may be absent.
REQUIRED = (
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ContractedCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ServiceName",
    "ServiceProviderName",
)
FILLED = (
    "BilledCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargeCategory",
    "ChargePeriodStart",
    "ChargePeriodEnd",
)
OLD_NAMES = {"ServiceProviderName": "ProviderName"}  # new -> old; PublisherName has no heir in 1.4
SPANS = (("BillingPeriodStart", "BillingPeriodEnd"), ("ChargePeriodStart", "ChargePeriodEnd"))
FIRST_DAY, LAST_DAY = "1990-01-01", "2200-01-01"  # outside stands what a spreadsheet left of a date
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
TIME = re.compile(  # the engine alone would also take 2026-9-1T0:
    r" *\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?UTC|Z|[+-]\d\d(:?\d\d)?)?)? *", re.ASCII
)
SPREADSHEET = re.compile(r"\d(\.\d+)?E\+\d+", re.ASCII)
CORES = r'(?i)"(?:x_)?(?:CoreCount|v?CPUs?|v?Cores?)"\s*:\s*"?([0-9]+(?:\.[0-9]+)?)["\s,}]'
_ODD_TAG = r'"\s*:\s*[^\s"]'  # a value that is not a text; escaped quotes may look like one, which `tags_kept` settles


@dataclass(frozen=True)
class Layout:
    """What the columns of one file are.

    Attributes
    ----------
    header : tuple of str
        Names as the file spells them.
    version : str
        FOCUS version, 1.0 to 1.4.
    known, own, other : dict
        Position of each FOCUS column of any version (by id), provider's ``x_`` column, and unknown one.
    notes : tuple of str
        Sentences on spelling and absent columns.
    """

    header: tuple[str, ...]
    version: str
    known: dict[str, int]
    own: dict[str, int]
    other: dict[str, int]
    notes: tuple[str, ...] = field(default=(), compare=False)


def focus_names(header: Iterable[str]) -> set[str]:
    """FOCUS ids of any version among these names, letter case aside."""
    ids = {c.casefold(): c for c in focus.all_columns()}
    return {ids[h.strip().casefold()] for h in header if h.strip().casefold() in ids}


def layout(header: Sequence[str], file: str, version: str | None = None) -> Layout:
    """Recognise the columns of a file.

    Parameters
    ----------
    header : sequence of str
    file : str
        Its name, for messages.
    version : str, optional
        What a manifest says; the columns decide where it is None.

    Raises
    ------
    BadInput
        A column twice, required columns absent, or no FOCUS at all (saying what it is).

    Examples
    --------
    >>> layout(["ProviderName", *REQUIRED[:-1]], "a.csv").version
    '1.0'
    """
    names = [h.strip() for h in header]
    seen: dict[str, str] = {}
    for n, name in enumerate(names, 1):
        if not name:
            raise BadInput(
                f"column {n} has no name",
                "a name for every column",
                "export the file again; a spreadsheet may have added the column",
                file=file,
                row=1,
            )
        if name.casefold() in seen:
            raise BadInput(
                f"column {name} stands twice"
                + (f" (as {seen[name.casefold()]})" * (seen[name.casefold()] != name)),
                "each column once",
                "leave one of the two out of the export",
                file=file,
                row=1,
                column=name,
            )
        seen[name.casefold()] = name
    ids = {c.casefold(): c for c in focus.all_columns()}
    known: dict[str, int] = {}
    own: dict[str, int] = {}
    other: dict[str, int] = {}
    notes = []
    for n, name in enumerate(names):
        if found := ids.get(name.casefold()):
            known[found] = n
            if found != name:
                notes.append(f"header {name} read as {found}")
        elif name.casefold().startswith("x_") and not name.casefold().startswith("x_kit"):
            own[name] = n
        else:
            other[name] = n
    absent = [c for c in REQUIRED if c not in known and OLD_NAMES.get(c) not in known]
    if absent:
        if len(known) < 4:
            from helpers.data.foreign import refusal

            raise refusal(names, file)
        what = "ProviderName or ServiceProviderName"
        raise BadInput(
            f"no column {', '.join(what if c in OLD_NAMES else c for c in absent)}",
            "the FOCUS columns without which charges cannot be placed and added",
            "export FOCUS with all its columns (docs/get-focus.md)",
            file=file,
            row=1,
            column=what if absent[0] in OLD_NAMES else absent[0],
        )
    seen_version = recognised(known)
    if version in focus.VERSIONS and version != seen_version:
        notes.append(f"the manifest says FOCUS {version}, the columns look like {seen_version}")
    found_version = version if version in focus.VERSIONS else seen_version
    gone = [c for c in focus.columns() if c not in known and OLD_NAMES.get(c) not in known]
    late = [c for c in gone if focus.all_columns()[c].since > found_version]
    left = [c for c in gone if c not in late and focus.all_columns()[c].level == "mandatory"]
    if late:
        which = (
            ", ".join(late) if len(late) <= NAMED else f"{len(late)} of the columns of {focus.VERSIONS[-1]}"
        )
        notes.append(f"FOCUS {found_version} has no {which}: absent in version, left null")
    if left:
        notes.append(f"mandatory in FOCUS {found_version} but not in the file, left null: {', '.join(left)}")
    return Layout(tuple(header), found_version, known, own, other, tuple(notes))


def recognised(known: Iterable[str]) -> str:
    """Lowest version that has these columns; without ProviderName, which ended with 1.3, it is 1.4."""
    known = set(known)
    if "ProviderName" not in known:
        return "1.4"
    return max(focus.all_columns()[c].since for c in known)


# --- values that the engine would not take exactly -----------------------------------------------------------------


def number(text: str) -> Decimal:
    """A decimal from its text; ValueError where it is none (``1_0``, ``NaN``, ``1,000.10``)."""
    if not NUMBER.fullmatch(text.strip()):
        raise ValueError(f"no number: {text}")
    return Decimal(text.strip())


def rounded(text: str) -> Decimal:
    """A number as the stored column holds it: half-even at 18 places.

    Examples
    --------
    >>> rounded("2.7755575615628914E-17")
    Decimal('2.8E-17')
    """
    return _rounded(number(text))


def residue(text: str) -> Decimal:
    """What the stored column does not hold of a number: source less stored."""
    value = number(text)
    return CONTEXT.subtract(value, _rounded(value))


_LAST_PLACE = Decimal(1).scaleb(-STORED_PLACES)


def _rounded(value: Decimal) -> Decimal:
    if value.as_tuple().exponent >= -STORED_PLACES:  # type: ignore[operator]
        return value
    return value.quantize(_LAST_PLACE, context=CONTEXT)


def tag_pairs(text: str) -> tuple[dict[str, str | None], bool]:
    """Tags as a flat dict, and whether nothing was lost on the way. ValueError where they cannot be read.

    Takes a JSON object, or a list of objects with key and value.
    """
    read = json.loads(
        text, object_pairs_hook=_Pairs, parse_constant=_no_constant, parse_float=_Number, parse_int=_Number
    )
    pairs, faithful = read, True
    if isinstance(read, list) and not isinstance(read, _Pairs):
        found = [{k.casefold(): v for k, v in p} for p in read if isinstance(p, _Pairs)]
        if len(found) != len(read) or not all({"key"} <= f.keys() <= {"key", "value"} for f in found):
            raise ValueError("no JSON object")
        pairs, faithful = _Pairs((str(f["key"]), f.get("value")) for f in found), False
    if not isinstance(pairs, _Pairs):
        raise ValueError("no JSON object")
    flat = {k: v if v is None or isinstance(v, str) else _text(v) for k, v in pairs}
    faithful = faithful and len(flat) == len(pairs) and all(v is None or type(v) is str for _, v in pairs)
    json.dumps(flat, ensure_ascii=False).encode()  # half a surrogate pair is a ValueError too
    return {k: v if v is None else str(v) for k, v in flat.items()}, faithful


class _Pairs(list):
    """The pairs of a JSON object in their order, doubles included."""


class _Number(str):
    """A number as its text, so that no digit is lost."""


def _text(value: object) -> str:
    """A nested value as JSON again, numbers as they were."""
    if isinstance(value, _Pairs):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_text(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return str(value) if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def register(con: Any) -> None:
    """Give a connection the functions that `select` uses."""

    def kit_round(text: str) -> str:
        return format(rounded(text), "f")

    def kit_exact(text: str) -> str | None:
        return text if residue(text) else None

    def kit_tags(text: str) -> str:
        return json.dumps(tag_pairs(text)[0], ensure_ascii=False)

    def kit_raw_tags(text: str) -> str | None:
        return None if tag_pairs(text)[1] else text

    for function in (kit_round, kit_exact, kit_tags, kit_raw_tags):
        con.create_function(function.__name__, function, ["VARCHAR"], "VARCHAR", null_handling="special")


# --- the one SELECT -------------------------------------------------------------------------------------------------


def select(
    layout: Layout,
    texts: str,
    files: dict[str, str],
    own: Sequence[str],
    source: str,
    delivery: str,
    typed_at: Collection[int] = (),
) -> str:
    """SQL that raises rows of texts to the store's columns.

    Parameters
    ----------
    layout : Layout
    texts : str
        SQL of a relation with columns c0, c1, … (texts or null, as the header's positions) and ``filename``; those of
        `typed_at` are in the store's type instead.
    files : dict
        filename -> name for ``x_KitFile``.
    own : sequence of str
        Every provider column of the delivery, in order; those that this file lacks become null.
    source, delivery : str
    typed_at : collection of int
        Positions whose values need no way by text (see `comes_typed`).

    Returns
    -------
    str
        A SELECT with the store's columns in their order, then `own`, then ``kit_part``, equal within a slice.
    """
    columns = focus.columns()
    at = {c: f"c{n}" for c, n in layout.known.items()}
    values: dict[str, str] = {}
    other: list[tuple[str, str]] = [(name, f"c{n}") for name, n in layout.other.items()]
    exact: list[tuple[str, str]] = []
    typed: list[str] = []
    for name, column in columns.items():
        old = OLD_NAMES.get(name, "")
        text = at.get(name) or at.get(old)
        if text is None:
            values[name] = f"NULL::{column.sql_type}"
            continue
        if name in at and old in at:
            text = f"coalesce({at[name]}, {at[old]})"
            other.append((old, f"CASE WHEN {at[name]} <> {at[old]} THEN {at[old]} END"))
        if column.kind == "decimal" and layout.known.get(name) in typed_at:
            values[name] = text
        elif column.kind == "decimal":
            typed.append(f"{_odd_number(text)} AS o_{name}")
            values[name] = _decimal(text, f"o_{name}")
            exact.append((name, f"CASE WHEN o_{name} THEN {_lost(text)} END"))
        elif column.kind == "time":
            values[name] = f"t_{name}"
            if layout.known.get(name) not in typed_at:
                finer = rf"strlen({text}) > 26 AND regexp_matches({text}, '\.\d{{6}}\d*[1-9]')"
                other.append((name, f"CASE WHEN {finer} THEN {text} END"))
        elif column.kind == "tags":
            # the engine's cast keeps a key twice, and writes 1.50 as 1.5
            odd = (
                f"{text} IS NOT NULL AND (t_{name} IS NULL OR regexp_matches({text}, {_sql(_ODD_TAG)}) "
                f"OR list_unique(map_keys(t_{name})) <> cardinality(t_{name}))"
            )
            values[name] = f"CASE WHEN {odd} THEN kit_tags({text})::JSON::{column.sql_type} ELSE t_{name} END"
            other.append((name, f"CASE WHEN {odd} THEN kit_raw_tags({text}) END"))
        elif column.allowed:
            spelt = _spelt(text, name, column.allowed)
            values[name] = spelt
            other.append((name, f"CASE WHEN {text} <> {spelt} THEN {text} END"))
        else:
            values[name] = text
        if name.endswith("Id"):
            mangled = f"contains({text}, 'E+') AND regexp_full_match({text}, {_sql(SPREADSHEET.pattern)})"
            values[name] = f"CASE WHEN {mangled} THEN error('{name}') ELSE {values[name]} END"
        if name in FILLED:
            values[name] = f"CASE WHEN {text} IS NULL THEN error('{name}') ELSE {values[name]} END"
    for start, end in SPANS:
        values[end] = f"CASE WHEN t_{end} < t_{start} THEN error('{end}') ELSE {values[end]} END"
    period = "left(make_timestamp(epoch_us(t_BillingPeriodStart))::VARCHAR, 7)"
    account = at["BillingAccountId"]
    keyed = [_sql(source), account, at.get("SubAccountId"), at["ServiceName"], at.get("Tags")]
    details = at.get("SkuPriceDetails")
    names = "CASE filename " + " ".join(f"WHEN {_sql(f)} THEN {_sql(n)}" for f, n in files.items()) + " END"
    prefix, suffix = slice_key(source, "\0", "\0").split("\0")[:2]
    values |= {
        "x_KitSource": _sql(source),
        "x_KitDelivery": _sql(delivery),
        "x_KitFile": names if len(files) > 1 else _sql(next(iter(files.values()))),
        "x_KitVersion": _sql(layout.version),
        "x_KitPeriod": period,
        "x_KitSlice": f"concat({_sql(prefix)}, {account}, {_sql(suffix)}, {period})",
        "x_KitPublisherName": at.get("PublisherName", "NULL::VARCHAR"),
        "x_KitAllocationKey": "(md5_number_lower(concat("
        + ", chr(31), ".join(k or "''" for k in keyed)
        + ")) >> 1)::BIGINT",
        "x_KitCores": f"nullif(regexp_extract({details}, {_sql(CORES)}, 1), '')::{focus.DECIMAL}"
        if details
        else f"NULL::{focus.DECIMAL}",
        "x_KitExact": _map(exact),
        "x_KitOther": _map(other),
    }
    mine = {name.casefold(): n for name, n in layout.own.items()}
    for name in own:
        values[name] = f"c{mine[name.casefold()]}" if name.casefold() in mine else "NULL::VARCHAR"
    order = [*stored_columns(), *own]
    listed = ",\n    ".join(f"{values[name]} AS {quoted(name)}" for name in order)
    typed += [
        f"{_inside(at[c]) if layout.known[c] in typed_at else _time(at[c])} AS t_{c}"
        for c in at
        if c in columns and columns[c].kind == "time"
    ]
    if tags := at.get("Tags"):
        typed.append(f"TRY({tags}::JSON::{columns['Tags'].sql_type}) AS t_Tags")
    return (
        f"SELECT {listed},\n    hash({account}, {period}) AS kit_part\n"
        f"FROM (SELECT *, {', '.join(typed)} FROM ({texts}))"
    )


def _decimal(text: str, odd: str) -> str:
    """A number as DECIMAL(38,18). The casts by way of 18 digits are exact where they are taken, and 10 to 30 times faster."""
    before, after = f"instr({text}, '.')", f"strlen({text}) - instr({text}, '.')"
    head, rest = f"left({text}, {before} + 18)", _beyond(text)
    step = f"CASE WHEN starts_with({text}, '-') THEN -1e-18 ELSE 1e-18 END::{focus.DECIMAL}"
    up = f"({rest} > '5' OR ({rest} = '5' AND right({head}, 1) IN ('1', '3', '5', '7', '9')))"  # half to even
    return (
        f"CASE WHEN {odd} AND {_long(text)} THEN {head}::{focus.DECIMAL} + CASE WHEN {up} THEN {step} ELSE 0 END "
        f"WHEN {odd} THEN kit_round({text})::{focus.DECIMAL} "
        f"WHEN strlen({text}) <= 4 OR ({before} BETWEEN 1 AND 5 AND {after} <= 14) "
        f"THEN {text}::DECIMAL(18,14)::{focus.DECIMAL} "
        f"WHEN {before} <= 13 AND {after} <= 12 AND ({before} = 0 OR {after} <= 6) "
        f"THEN {text}::DECIMAL(18,6)::{focus.DECIMAL} "
        f"ELSE {text}::{focus.DECIMAL} END"
    )


def _lost(text: str) -> str:
    """The text of a number of which the stored column does not hold all."""
    return f"CASE WHEN {_long(text)} THEN CASE WHEN {_beyond(text)} <> '' THEN {text} END ELSE kit_exact({text}) END"


def _long(text: str) -> str:
    """A plain number with more than 18 places."""
    return rf"regexp_full_match({text}, '[-+]?\d+\.\d{{19,}}')"


def _beyond(text: str) -> str:
    """Its digits from the 19th place on, without idle zeros; compared as texts they are compared as fractions."""
    return f"rtrim(substr({text}, instr({text}, '.') + 19), '0')"


def _odd_number(text: str) -> str:
    """Only these can lose digits or be taken wrongly (1_0 as 10, a dash and a blank as 0); 19 characters hold 18 places."""
    return f"strlen({text}) > 19 OR regexp_matches({text}, '[^0-9.+-]')"


def comes_typed(kind: str, held: str) -> bool:
    """Whether a Parquet type holds no value of a column's kind that the store's type does not."""
    if kind == "decimal" and (found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", held)):
        digits, places = map(int, found.groups())
        return places <= STORED_PLACES and digits - places <= 38 - STORED_PLACES
    return kind == "time" and held == "TIMESTAMP WITH TIME ZONE"


def _inside(value: str) -> str:
    inside = f"{value} BETWEEN TIMESTAMPTZ '{FIRST_DAY}' AND TIMESTAMPTZ '{LAST_DAY}'"
    return f"CASE WHEN {value} IS NULL OR {inside} THEN {value} ELSE error('time') END"


def _time(text: str) -> str:
    cast = f"{text}::TIMESTAMPTZ"  # TIMESTAMP would leave the offset out
    inside = f"{cast} BETWEEN TIMESTAMPTZ '{FIRST_DAY}' AND TIMESTAMPTZ '{LAST_DAY}'"
    shape = f"regexp_full_match({text}, {_sql(TIME.pattern)})"
    return f"CASE WHEN {text} IS NULL OR ({shape} AND {inside}) THEN {cast} ELSE error('time') END"


def _spelt(text: str, name: str, allowed: Sequence[str]) -> str:
    """The specification's spelling; other values stay as they are, but for the category, which decides every sum."""
    plain_list = ", ".join(map(_sql, allowed))
    cases = " ".join(f"WHEN {_sql(a.lower())} THEN {_sql(a)}" for a in allowed)
    rest = "error('ChargeCategory')" if name == "ChargeCategory" else text
    return (
        f"CASE WHEN {text} IS NULL OR {text} IN ({plain_list}) THEN {text} "
        f"ELSE CASE lower({text}) {cases} ELSE {rest} END END"
    )


def _map(entries: Sequence[tuple[str, str]]) -> str:
    """A MAP of those entries whose value is not null, or null where there is none."""
    if not entries:
        return "NULL::MAP(VARCHAR, VARCHAR)"
    told = " OR ".join(f"({value}) IS NOT NULL" for _, value in entries)
    pairs = ", ".join(f"{{'k': {_sql(key)}, 'v': {value}}}" for key, value in entries)
    return f"CASE WHEN {told} THEN map_from_entries(list_filter([{pairs}], lambda e: e.v IS NOT NULL)) END"


def _sql(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
