"""One measured series from a file: what is odd is refused by file, row and column, or is a marked gap."""

from __future__ import annotations

import math

import pytest

from helpers.data import stamped
from helpers.terms.errors import BadInput

HEAD = "timestamp,value\n"


def write(folder, text: str):
    path = folder / "series.csv"
    path.write_text(text, "utf-8")
    return path


def lines(*values: str, start: int = 0) -> str:
    return "".join(
        f"2026-03-01 {(start + n) // 12:02d}:{(start + n) % 12 * 5:02d}:00,{v}\n"
        for n, v in enumerate(values)
    )


@pytest.mark.parametrize(
    ("text", "row", "column", "said"),
    [
        ("time,value\n" + lines("1", "2", "3"), 1, "timestamp", "name one of them timestamp"),
        (HEAD + lines("1", "1,234.5", "3"), None, None, None),  # a comma in a number is another cell
        (HEAD + lines("1", "many", "3"), 3, "value", "without separators"),
        (HEAD + lines("1", "1_000", "3"), 3, "value", "1_000"),
        (HEAD + lines("1", "inf", "3"), 3, "value", "inf"),
        (HEAD + "01/02/2026 10:00,1\n", 2, "timestamp", "2026-10-05"),
        (HEAD + lines("1", "2", "3", "4") + lines("9", start=1), 6, "timestamp", "sort the lines"),
        (
            HEAD + "2026-10-25 02:30:00,1\n2026-10-25 02:55:00,1\n2026-10-25 02:00:00,1\n",
            4,
            "timestamp",
            "summer time",
        ),
        (
            HEAD + "2026-10-25T02:30:00Z,1\n2026-10-25 02:55:00,1\n2026-10-25 03:00:00,1\n",
            3,
            None,
            "with and without a zone",
        ),
        (HEAD + lines("1"), None, None, "at least three"),
        (HEAD + lines("", "nan", "NULL", "n/a"), 2, "value", "no value at all"),
        (
            HEAD + lines("1", "2", "3", "4") + "2026-03-09 00:00:00,5\n",
            6,
            "timestamp",
            "parts between long gaps",
        ),
        (HEAD + '2026-03-01 00:00:00,"1\n', None, None, "no CSV"),
        ("", 1, "timestamp", "columns none"),
    ],
)
def test_refused_with_place_and_remedy(tmp_path, text, row, column, said):
    if said is None:
        assert stamped.read(write(tmp_path, text)).values[1] == 1, "the rest of the cells is not read"
        return
    with pytest.raises(BadInput, match=said) as refused:
        stamped.read(write(tmp_path, text))
    told = refused.value.record()
    assert told["file"].endswith("series.csv")
    if row:
        assert told["row"] == row
    if column:
        assert told["column"] == column
    assert told["remedy"]


def test_gaps_negative_values_and_zeros_are_marked(tmp_path):
    found = stamped.read(write(tmp_path, HEAD + lines("0", "", "-2") + lines("4", "5", start=6)))
    assert found.step == 300 and len(found.values) == 8
    assert [math.isnan(v) for v in found.values] == [False, True, False, True, True, True, False, False]
    assert "4 of 8 steps have no value, the first at 2026-03-01 00:05:00" in found.notes[0]
    assert "1 values are below zero" in found.notes[1]
    assert "all values are zero" in stamped.read(write(tmp_path, HEAD + lines("0", "0", "0"))).notes[0]


def test_zones_become_utc_and_the_end_of_summer_time_is_no_double_hour(tmp_path):
    text = "\ufefftimestamp;value;host\n2026-10-25T02:30:00+02:00;1;a\n2026-10-25T02:00:00+01:00;2;a\n2026-10-25T02:30:00+01:00;3;a\n"
    found = stamped.read(write(tmp_path, text))
    assert [t.isoformat() for t in found.times] == ["2026-10-25T00:30:00+00:00", "2026-10-25T01:00:00+00:00", "2026-10-25T01:30:00+00:00"]  # fmt: skip


def test_what_stands_twice_counts_once_and_is_said(tmp_path):
    found = stamped.read(write(tmp_path, HEAD + lines("1", "2", "3") + lines("7", "4", start=2)))
    assert found.values == [1, 2, 7, 4]
    assert "1 lines stand at the same step as another, the first in row 5" in found.notes[0]


def test_the_hour_that_spring_leaves_out_is_a_gap(tmp_path):
    rows = "".join(f"2026-03-29 {h:02d}:00:00,{h}\n" for h in (0, 1, 3, 4, 5))
    found = stamped.read(write(tmp_path, HEAD + rows))
    assert math.isnan(found.values[2]) and found.times[3].hour == 3


def test_times_that_jitter_keep_their_own_names(tmp_path):
    rows = "2026-03-01 00:00:10,1\n2026-03-01 00:05:00,2\n2026-03-01 00:10:20,3\n2026-03-01 00:15:05,4\n"
    found = stamped.read(write(tmp_path, HEAD + rows))
    assert found.values == [1, 2, 3, 4] and found.times[2].second == 20


def test_real_telemetry(shared):
    for path in sorted((shared / "telemetry").glob("*.csv")):
        found = stamped.read(path)
        assert found.step == 300, path
        if "5abac7" in path.name:  # the hour that summer time leaves out was written twelve times over
            assert "12 lines stand at the same step" in " ".join(found.notes)
            assert "12 of 4730 steps" in " ".join(found.notes)
