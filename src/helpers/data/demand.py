"""Hourly demand of regions by instance type, and planned migrations between types, from files: read and checked.

Demand is Parquet or CSV with USAGE_HOUR, REGION_NUM, INSTANCE_TYPE, NORM_USAGE; an hour without a line of a type means that
the type was not used, an hour without any line of a region that nothing is known about it. Planned migrations are CSV with
region, known_on, start, end, from_type, to_type, share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.terms.errors import BadInput
from helpers.terms.period import parse_day

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

COLUMNS = ("USAGE_HOUR", "REGION_NUM", "INSTANCE_TYPE", "NORM_USAGE")
PLANNED = ("region", "known_on", "start", "end", "from_type", "to_type", "share")
MOST_GAPS = 0.5  # beyond this share of unknown hours nothing honest can be said
SHORT_LIFE = 28  # days: a type used for less is named
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]


@dataclass(frozen=True)
class Demand:
    """One region's demand.

    Attributes
    ----------
    name : str
    start : numpy.datetime64
        First hour, UTC.
    types : tuple of str
    use : array, hours by types [normalised units]
        Zero where nothing was used or nothing is known.
    known : array of bool
        False in a gap.
    gaps : list of (str, str)
        First and last hour of each gap.
    notes : list of str
        What was odd and taken all the same.
    """

    name: str
    start: np.datetime64
    types: tuple[str, ...]
    use: Any
    known: Any
    gaps: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Planned:
    """One planned migration."""

    region: str
    known_on: date
    start: date
    end: date
    from_type: str
    to_type: str
    share: float


def read(path: Path | str) -> list[Demand]:
    """Every region of a file, in the order of their names.

    Parameters
    ----------
    path : Path or str
        Parquet, or CSV in UTF-8. Hours without a zone are taken as UTC.

    Raises
    ------
    BadInput
        With file, row and column: a column is missing, an hour, region, type or use cannot be read, use is negative, an
        hour stands twice, more than half of a region's hours are not known, or nothing was used at all.
    """
    name = str(path)
    table, notes = _table(Path(path), name)
    if not table.num_rows:
        raise BadInput("no line of demand", "hourly use by region and type", "export it again", file=name)
    hours = _hours(table["USAGE_HOUR"], name, notes)
    regions, kinds = (_named(table[c], c, name) for c in ("REGION_NUM", "INSTANCE_TYPE"))
    use, missing = _use(table["NORM_USAGE"], name)
    _once(hours, regions, kinds, name)
    return _regions(hours, regions, kinds, use, missing, notes, name)


def _table(path: Path, name: str) -> tuple[pa.Table, list[str]]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not path.is_file():
        raise BadInput("no such file", "a Parquet or CSV file", "check the path", file=name)
    try:
        if path.open("rb").read(4) == b"PAR1":
            table = parquet.read_table(path)
        else:
            first = path.open(encoding="utf-8-sig").readline()
            delimiter = ";" if first.count(";") > first.count(",") else ","
            header = [h.strip().strip('"') for h in first.strip().split(delimiter)]
            texts = csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=MISSING)  # fmt: skip
            table = csv.read_csv(
                path, parse_options=csv.ParseOptions(delimiter=delimiter), convert_options=texts
            )
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as problem:
        raise BadInput(f"it cannot be read: {str(problem).splitlines()[0]}", "a Parquet file, or CSV in UTF-8", "export it again", file=name) from None  # fmt: skip
    spelled = {c.strip().upper(): c for c in table.column_names}
    lacking = [c for c in COLUMNS if c not in spelled]
    if lacking:
        raise BadInput(
            f"columns {', '.join(table.column_names)}",
            f"columns {', '.join(COLUMNS)}",
            f"add {', '.join(lacking)}",
            file=name,
            row=1,
            column=lacking[0],
        )
    spare = [c for c in table.column_names if c.strip().upper() not in COLUMNS]
    notes = [f"column {', '.join(spare)} is not used"] if spare else []
    table = table.select([spelled[c] for c in COLUMNS]).rename_columns(list(COLUMNS))
    return table.combine_chunks(), notes


def _row(at: Any) -> int:
    """Line of the file, the header being line 1."""
    return int(at) + 2


def _first(mask: Any) -> int | None:
    """Place of the first true value."""
    import numpy as np

    found = np.flatnonzero(np.asarray(mask))
    return int(found[0]) if len(found) else None


def _hours(column: Any, name: str, notes: list[str]) -> Any:
    """Hours since 1970, UTC."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    kind = column.type
    wrong = {
        "needed": "an hour such as 2026-10-05 13:00, in UTC",
        "remedy": "write it so, with its zone or in UTC",
    }
    if pa.types.is_timestamp(kind):
        moments = pd.Series(pd.to_datetime(column.to_pandas(), utc=True))
        zoned = kind.tz is not None
    else:
        texts = column.cast(pa.string()).to_pandas()
        if (at := _first(texts.isna())) is not None:
            raise BadInput("no hour", **wrong, file=name, row=_row(at), column="USAGE_HOUR")
        moments = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
        if (at := _first(moments.isna())) is not None:
            raise BadInput(repr(texts.iloc[at]), **wrong, file=name, row=_row(at), column="USAGE_HOUR")
        zoned = bool(texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$").all())
    if (at := _first(moments.isna())) is not None:
        raise BadInput("no hour", **wrong, file=name, row=_row(at), column="USAGE_HOUR")
    seconds = moments.dt.tz_localize(None).to_numpy().astype("datetime64[s]").astype(np.int64)
    if (at := _first(seconds % 3600)) is not None:
        raise BadInput(
            str(moments.iloc[at]),
            "whole hours",
            "sum the use to hours first",
            file=name,
            row=_row(at),
            column="USAGE_HOUR",
        )
    if not zoned:
        notes.append("hours have no zone and are taken as UTC")
    return seconds // 3600


def _named(column: Any, which: str, name: str) -> Any:
    """Texts, each told apart: (names in order, place of each row's name)."""
    import pyarrow as pa

    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    where = encoded.indices.to_pandas()
    if (at := _first(where.isna())) is not None:
        raise BadInput("nothing", "a name", "name it", file=name, row=_row(at), column=which)
    return [str(v).strip() for v in encoded.dictionary.to_pylist()], where.to_numpy().astype(int)


def _use(column: Any, name: str) -> tuple[Any, Any]:
    """Numbers, and where there is none."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    wrong = {"file": name, "column": "NORM_USAGE"}
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = column.to_pandas()
        values: Any = pd.to_numeric(texts, errors="coerce")
        if (at := _first(values.isna() & texts.notna())) is not None:
            raise BadInput(repr(texts.iloc[at]), "a number such as 1234.56, or nothing", "write it without separators of thousands", row=_row(at), **wrong)  # fmt: skip
    else:
        values = column.cast(pa.float64()).to_pandas()
    use = values.to_numpy(dtype=float, na_value=np.nan)
    if (at := _first(np.isinf(use))) is not None:
        raise BadInput(
            "infinite use", "a number", "leave it empty where it is not known", row=_row(at), **wrong
        )
    if (at := _first(use < 0)) is not None:
        raise BadInput(
            f"negative use, {use[at]:g}",
            "use of 0 or more",
            "put corrections where they belong, or leave the hour empty",
            row=_row(at),
            **wrong,
        )
    missing = np.isnan(use)
    return np.where(missing, 0.0, use), missing


def _once(hours: Any, regions: Any, kinds: Any, name: str) -> None:
    import numpy as np

    code = (hours - hours.min()) * (len(regions[0]) * len(kinds[0])) + regions[1] * len(kinds[0]) + kinds[1]
    order = np.argsort(code, kind="stable")
    twice = np.flatnonzero(code[order][1:] == code[order][:-1])
    if not len(twice):
        return
    at = int(order[twice + 1].min())
    same = np.flatnonzero(code == code[at])
    hour = np.datetime64(int(hours[at]), "h")
    days = {str(np.datetime64(int(h), "h").astype("datetime64[D]")) for h in hours[order[twice + 1]]}
    autumn = all(_goes_back(d) for d in days)
    raise BadInput(
        f"{hour} of region {regions[0][regions[1][at]]}, type {kinds[0][kinds[1][at]]} stands twice, first in row {_row(same[0])}",
        "each hour once for each region and type",
        "summer time ends on such a day: write hours in UTC" if autumn else "add the two up or drop one",
        file=name,
        row=_row(at),
        column="USAGE_HOUR",
    )


def _goes_back(day: str) -> bool:
    """A Sunday on which clocks are put back: in Europe, North America, or the south."""
    at = date.fromisoformat(day)
    return at.weekday() == 6 and ((at.month == 10 and at.day > 24) or (at.month in (4, 11) and at.day <= 7))


def _goes_forward(day: str) -> bool:
    """A Sunday on which clocks are put forward."""
    at = date.fromisoformat(day)
    north = at.month == 3 and (at.day > 24 or 8 <= at.day <= 14)
    return at.weekday() == 6 and (north or (at.month == 10 and at.day <= 7))


def _regions(
    hours: Any, regions: Any, kinds: Any, use: Any, missing: Any, notes: list[str], name: str
) -> list[Demand]:
    import numpy as np

    found = []
    for number in sorted(range(len(regions[0])), key=lambda n: _natural(regions[0][n])):
        mine = np.flatnonzero(regions[1] == number)
        first, last = int(hours[mine].min()), int(hours[mine].max())
        present, place = np.unique(kinds[1][mine], return_inverse=True)
        order = np.argsort([kinds[0][k] for k in present])
        rank = np.empty(len(order), dtype=int)
        rank[order] = np.arange(len(order))
        table = np.zeros((last - first + 1, len(present)))
        table[hours[mine] - first, rank[place.ravel()]] = use[mine]
        known = np.zeros(len(table), dtype=bool)
        known[hours[mine] - first] = True
        known[hours[mine][missing[mine]] - first] = False
        table[~known] = 0.0
        types = tuple(kinds[0][present[o]] for o in order)
        found.append(_checked(Demand(regions[0][number], np.datetime64(first, "h"), types, table, known, notes=list(notes)), name))  # fmt: skip
    if not any(d.use.any() for d in found):
        raise BadInput("nothing was used in any hour", "use above zero somewhere", "check the export", file=name, column="NORM_USAGE")  # fmt: skip
    return found


def _natural(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def _checked(demand: Demand, name: str) -> Demand:
    import numpy as np

    unknown = int((~demand.known).sum())
    if unknown > MOST_GAPS * len(demand.known):
        raise BadInput(
            f"region {demand.name}: {unknown} of {len(demand.known)} hours are not known",
            "use in at least half of the hours between first and last",
            "export the missing hours, or leave the region out",
            file=name,
            column="NORM_USAGE",
        )
    if unknown:
        edges = np.flatnonzero(np.diff(np.concatenate([[True], demand.known, [True]]).astype(int)))
        spans = [(demand.start + int(a), demand.start + int(b) - 1) for a, b in edges.reshape(-1, 2)]
        demand.gaps.extend((str(a), str(b)) for a, b in spans)
        single = [a for a, b in spans if a == b and _goes_forward(str(a.astype("datetime64[D]")))]
        hint = "; single hours are missing when summer time begins: are hours in UTC?" if single else ""
        demand.notes.append(f"{unknown} hours are not known and count on neither side{hint}")
    if not demand.use.any():
        demand.notes.append("nothing was used in any hour, so there is nothing to save")
    for i, kind in enumerate(demand.types):
        used = np.flatnonzero(demand.use[:, i] > 0)
        if len(used) and used[-1] - used[0] < SHORT_LIFE * 24:
            demand.notes.append(f"type {kind} was used within {(used[-1] - used[0]) // 24 + 1} days only")
    return demand


def planned(path: Path | str, regions: list[Demand]) -> list[Planned]:
    """Planned migrations of a CSV file.

    Parameters
    ----------
    path : Path or str
        CSV in UTF-8; dates as YYYY-MM-DD, share above 0 and at most 1.
    regions : list of Demand
        The regions they may be about.

    Raises
    ------
    BadInput
        With file, row and column: a column is missing or unknown, a date or share cannot be read, an end lies before its
        start, a region or the type that is left is not in the demand.
    """
    import csv

    name, found = str(path), []
    if not Path(path).is_file():
        raise BadInput("no such file", "a CSV file", "check the path", file=name)
    known = {d.name: d for d in regions}
    try:
        text = Path(path).read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise BadInput("no UTF-8 text", "a CSV file in UTF-8", "save it as UTF-8", file=name) from None
    header = [c.strip().lower() for c in next(csv.reader(text[:1]), [])]
    if sorted(header) != sorted(PLANNED):
        wrong = [c for c in PLANNED if c not in header] + [c for c in header if c not in PLANNED]
        raise BadInput(f"columns {', '.join(header) or 'none'}", f"columns {', '.join(PLANNED)}", f"mend {', '.join(wrong)}", file=name, row=1, column=wrong[0] if wrong else None)  # fmt: skip
    for at, cells in enumerate(csv.reader(text[1:])):
        if any(c.strip() for c in cells):
            found.append(
                _plan(dict(zip(header, (c.strip() for c in cells), strict=False)), known, name, _row(at))
            )
    return found


def _plan(cell: dict[str, str], known: dict[str, Demand], name: str, row: int) -> Planned:
    def wrong(column: str, said: str, needed: str, remedy: str) -> BadInput:
        return BadInput(said, needed, remedy, file=name, row=row, column=column)

    for column in PLANNED:
        if not cell.get(column):
            raise wrong(column, "nothing", "a value", "fill it in")
    if cell["region"] not in known:
        raise wrong("region", f"region {cell['region']} is not in the demand", f"one of {', '.join(known)}", "mend the name or drop the line")  # fmt: skip
    types = known[cell["region"]].types
    if cell["from_type"] not in types:
        raise wrong("from_type", f"type {cell['from_type']} was never used in region {cell['region']}", f"one of {', '.join(types)}", "mend the name or drop the line")  # fmt: skip
    if cell["from_type"] == cell["to_type"]:
        raise wrong("to_type", f"{cell['to_type']} is also the type that is left", "another type", "mend one of the two")  # fmt: skip
    days = {}
    for column in ("known_on", "start", "end"):
        try:
            days[column] = parse_day(cell[column])
        except Exception:
            raise wrong(
                column, repr(cell[column]), "a day as YYYY-MM-DD", "write it like 2026-10-05"
            ) from None
    if days["end"] < days["start"]:
        raise wrong("end", f"{days['end']} lies before the start, {days['start']}", "an end on or after the start", "swap them or mend one")  # fmt: skip
    try:
        share = float(cell["share"])
    except ValueError:
        share = -1.0
    if not 0 < share <= 1:
        raise wrong("share", repr(cell["share"]), "a number above 0 and at most 1", "write a half as 0.5")
    return Planned(cell["region"], **days, from_type=cell["from_type"], to_type=cell["to_type"], share=share)
