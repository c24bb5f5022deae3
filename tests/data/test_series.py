"""Series from a file: what is taken, and what is refused with file, row and column."""

from __future__ import annotations

import datetime as dt
import json
import math

import pytest
from click.testing import CliRunner

from helpers.__main__ import main
from helpers.data import series
from helpers.terms.errors import BadInput


def days(n, first=dt.date(2025, 1, 1)):
    return [(first + dt.timedelta(days=i)).isoformat() for i in range(n)]


def written(tmp_path, rows, header="series,date,value"):
    path = tmp_path / "in.csv"
    path.write_text("\n".join([header, *(",".join(str(c) for c in r) for r in rows)]) + "\n", "utf-8")
    return path


MONTHS = [f"2024-{m:02d}-01" for m in range(1, 13)] + [f"2025-{m:02d}-01" for m in range(1, 9)]


def test_daily_and_monthly_series_of_one_file(tmp_path):
    ends = ["2025-01-31", "2025-02-28", "2025-03-31"]
    rows = (
        [("a", d, 1) for d in days(10)]
        + [("b", m, 2) for m in MONTHS]
        + [("c", m[:7], 3) for m in MONTHS[:3]]
    )
    a, b, c, d = series.read(written(tmp_path, rows + [("d", e, 4) for e in ends]))
    assert (a.grain, len(a.values), a.after(2)) == ("day", 10, ["2025-01-11", "2025-01-12"])
    assert (b.grain, b.after(2)) == ("month", ["2025-09-01", "2025-10-01"])
    assert c.after(1) == ["2024-04"]
    assert d.after(2) == ["2025-04-30", "2025-05-31"]


def test_order_gaps_and_semicolons(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("\ufeffDate;Value;Series\n2025-01-03;3;a\n2025-01-01;1;a\n2025-01-04;;a\n", "utf-8")
    (a,) = series.read(path)
    assert a.values[0] == 1 and math.isnan(a.values[1]) and a.values[2] == 3 and math.isnan(a.values[3])


BAD = {
    "text": ([("a", d, "abc" if i == 5 else 3) for i, d in enumerate(days(20))], 7, "value", "'abc'"),
    "infinite": ([("a", d, "inf") for d in days(20)], 2, "value", "'inf'"),
    "thousands": ([("a", "2025-01-01", '"1,234"')], 2, "value", "'1,234'"),
    "twice": ([("a", d, 1) for d in [*days(5), "2025-01-03"]], 7, "date", "stands twice, first in row 4"),
    "no day": ([("a", "2025-02-30", 1)], 2, "date", "'2025-02-30'"),
    "other date": ([("a", "01/02/2025", 1)], 2, "date", "'01/02/2025'"),
    "all missing": ([("a", d, "") for d in days(20)], 2, "value", "no value at all"),
    "weekly": ([("a", d, 1) for d in days(100)[::7]], 3, "date", "steps of 7 days"),
    "mixed": ([("a", m, 1) for m in MONTHS[:12]] + [("a", d, 1) for d in days(60, dt.date(2025, 1, 2))], 15, "date", "steps of 31 days and then of 1"),
    "months and days": ([("a", "2024-01", 1), ("a", "2024-02-15", 2)], 3, "date", "months and days"),
    "hardly any": ([("a", d, 1 if i % 10 == 0 or i < 2 else "") for i, d in enumerate(days(40))], 2, "value", "35 of 40"),
    "nameless": ([("", "2025-01-01", 1)], 2, "series", "no name"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused_says_where(tmp_path, case):
    rows, row, column, found = BAD[case]
    with pytest.raises(BadInput) as refused:
        series.read(written(tmp_path, rows))
    said = refused.value
    assert (said.row, said.column) == (row, column)
    assert found in said.found and said.needed and said.remedy and said.file


def test_a_file_without_the_columns_or_rows(tmp_path):
    with pytest.raises(BadInput, match="columns name, date, value"):
        series.read(written(tmp_path, [], "name,date,value"))
    with pytest.raises(BadInput, match="no line below"):
        series.read(written(tmp_path, []))
    with pytest.raises(BadInput, match="no such file"):
        series.read(tmp_path / "absent.csv")


def test_the_command_writes_the_steps_in_order(tmp_path):
    rows = [("z", d, 100 + i % 7) for i, d in enumerate(days(200))] + [("a", m, 9) for m in MONTHS]
    path, out, notes = written(tmp_path, rows), tmp_path / "out.json", tmp_path / "notes.json"
    words = ["forecast", "--series", path, "--horizon", "5", "--json", out, "--notes", notes]
    done = CliRunner().invoke(main, [str(w) for w in words])
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text("utf-8"))
    assert list(found) == ["z", "a"]
    assert [s["date"] for s in found["z"]] == days(5, dt.date(2025, 7, 20))
    keys = ["date", "mean", "lo50", "hi50", "lo80", "hi80", "lo95", "hi95"]
    for step in [*found["z"], *found["a"]]:
        assert list(step) == keys
        assert (
            0
            <= step["lo95"]
            <= step["lo80"]
            <= step["lo50"]
            <= step["mean"]
            <= step["hi50"]
            <= step["hi80"]
            <= step["hi95"]
        )
    assert "a" in json.loads(notes.read_text("utf-8"))["notes"]
    assert "note: a:" in done.output


def test_a_refusal_ends_with_five(tmp_path):
    path = written(tmp_path, [("a", "x", 1)])
    done = CliRunner().invoke(
        main, ["forecast", "--series", str(path), "--horizon", "5", "--json", str(tmp_path / "o.json")]
    )
    assert done.exit_code == 5
    assert "row 2, column date" in done.output
