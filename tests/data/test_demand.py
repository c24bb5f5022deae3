"""Demand and planned migrations from files: what is taken, what is marked as a gap, what is refused and where."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from helpers.data import demand
from helpers.terms.errors import BadInput

START = datetime(2026, 3, 1, tzinfo=UTC)
HEADER = "USAGE_HOUR,REGION_NUM,INSTANCE_TYPE,NORM_USAGE"


def rows(many=48, region="1", kind="A", use="5"):
    return [f"{(START + timedelta(hours=h)).isoformat()},{region},{kind},{use}" for h in range(many)]


def written(tmp_path, lines, header=HEADER):
    path = tmp_path / "demand.csv"
    path.write_text("\n".join([header, *lines]) + "\n", "utf-8")
    return path


def refused(tmp_path, lines, header=HEADER) -> BadInput:
    with pytest.raises(BadInput) as said:
        demand.read(written(tmp_path, lines, header))
    assert said.value.file.endswith("demand.csv")
    assert said.value.remedy
    return said.value


def test_csv_and_parquet_hold_the_same(tmp_path):
    lines = [*rows(), *rows(24, kind="B", use="2.5"), *rows(30, region="10"), *rows(30, region="2")]
    found = demand.read(written(tmp_path, lines))
    cells = [line.split(",") for line in lines]
    table = pa.table(
        {
            "USAGE_HOUR": pa.array([datetime.fromisoformat(c[0]) for c in cells], pa.timestamp("us", "UTC")),
            "REGION_NUM": pa.array([int(c[1]) for c in cells]),
            "INSTANCE_TYPE": pa.array([c[2] for c in cells]),
            "NORM_USAGE": pa.array([float(c[3]) for c in cells]),
        }
    )
    parquet.write_table(table, tmp_path / "demand.parquet")
    same = demand.read(tmp_path / "demand.parquet")
    assert [d.name for d in found] == ["1", "2", "10"]
    for a, b in zip(found, same, strict=True):
        assert (a.name, a.start, a.types) == (b.name, b.start, b.types)
        assert (a.use == b.use).all()
    assert found[0].start == np.datetime64("2026-03-01T00")
    assert found[0].use[:, 1].sum() == 24 * 2.5  # no line of a type: not used
    assert found[0].known.all()


def test_semicolons_a_mark_at_the_front_and_other_zones(tmp_path):
    path = tmp_path / "demand.csv"
    path.write_text(
        "\ufeffusage_hour;region_num;instance_type;norm_usage\n2026-03-01T01:00:00+01:00;eu;A;4\n", "utf-8"
    )
    (one,) = demand.read(path)
    assert one.start == np.datetime64("2026-03-01T00")


def test_a_gap_is_marked_and_named(tmp_path):
    lines = rows()
    (one,) = demand.read(written(tmp_path, lines[:10] + lines[13:]))
    assert one.gaps == [("2026-03-01T10", "2026-03-01T12")]
    assert one.known.sum() == 45
    assert "3 hours are not known" in one.notes[0]


def test_missing_use_is_a_gap_not_a_zero(tmp_path):
    lines = rows()
    lines[7] = lines[7].rsplit(",", 1)[0] + ","
    (one,) = demand.read(written(tmp_path, lines))
    assert one.gaps == [("2026-03-01T07", "2026-03-01T07")]


def test_hours_without_zone_are_taken_as_utc_and_said(tmp_path):
    (one,) = demand.read(written(tmp_path, [r.replace("+00:00", "") for r in rows()]))
    assert any("taken as UTC" in n for n in one.notes)


def test_other_columns_are_named(tmp_path):
    (one,) = demand.read(written(tmp_path, [r + ",x" for r in rows()], HEADER + ",OWNER"))
    assert one.notes[0] == "column OWNER is not used"


def test_a_type_of_one_week_is_named(tmp_path):
    (one,) = demand.read(written(tmp_path, [*rows(24 * 40), *rows(24 * 7, kind="W")]))
    assert one.notes == ["type W was used within 7 days only"]


def test_a_lacking_column(tmp_path):
    said = refused(tmp_path, ["2026-03-01T00:00:00Z,1,A"], "USAGE_HOUR,REGION_NUM,INSTANCE_TYPE")
    assert (said.row, said.column) == (1, "NORM_USAGE")
    assert "add NORM_USAGE" in said.remedy


@pytest.mark.parametrize(
    ("place", "cell", "column", "found"),
    [
        (0, "yesterday", "USAGE_HOUR", "'yesterday'"),
        (0, "", "USAGE_HOUR", "no hour"),
        (0, "2026-03-01T00:30:00+00:00", "USAGE_HOUR", "00:30"),
        (1, "", "REGION_NUM", "nothing"),
        (2, "", "INSTANCE_TYPE", "nothing"),
        (3, "-1", "NORM_USAGE", "negative use, -1"),
        (3, "inf", "NORM_USAGE", "infinite"),
        (3, "1,5", "NORM_USAGE", ""),
        (3, "many", "NORM_USAGE", "'many'"),
    ],
)
def test_a_cell_that_cannot_be_taken(tmp_path, place, cell, column, found):
    lines = rows()
    cells = lines[4].split(",")
    cells[place] = cell
    lines[4] = ",".join(cells)
    said = refused(tmp_path, lines)
    assert found in said.found
    if found:
        assert (said.row, said.column) == (6, column)


def test_an_hour_that_stands_twice(tmp_path):
    lines = rows()
    said = refused(tmp_path, [*lines, lines[20]])
    assert (said.row, said.column) == (50, "USAGE_HOUR")
    assert "stands twice, first in row 22" in said.found
    assert "add the two up" in said.remedy


def test_local_time_shows_when_summer_time_ends(tmp_path):
    utc = [datetime(2026, 10, 24, 22, tzinfo=UTC) + timedelta(hours=h) for h in range(48)]
    local = [t + timedelta(hours=2 if t < datetime(2026, 10, 25, 1, tzinfo=UTC) else 1) for t in utc]
    said = refused(tmp_path, [f"{t:%Y-%m-%d %H}:00,1,A,5" for t in local])
    assert "2026-10-25T02" in said.found
    assert "UTC" in said.remedy


def test_local_time_shows_when_summer_time_begins(tmp_path):
    utc = [datetime(2026, 3, 28, 0, tzinfo=UTC) + timedelta(hours=h) for h in range(72)]
    local = [t + timedelta(hours=1 if t < datetime(2026, 3, 29, 1, tzinfo=UTC) else 2) for t in utc]
    (one,) = demand.read(written(tmp_path, [f"{t:%Y-%m-%d %H}:00,1,A,5" for t in local]))
    assert one.gaps == [("2026-03-29T02", "2026-03-29T02")]
    assert any("summer time" in n for n in one.notes)


def test_nothing_used_at_all(tmp_path):
    assert "nothing was used" in refused(tmp_path, rows(use="0")).found
    both = demand.read(written(tmp_path, [*rows(), *rows(region="2", use="0")]))
    assert "nothing to save" in both[1].notes[0]


def test_mostly_unknown_is_refused(tmp_path):
    lines = rows()
    said = refused(tmp_path, [lines[0], lines[47]])
    assert "46 of 48 hours" in said.found


def test_no_file_an_empty_one_and_no_table(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        demand.read(tmp_path / "none.parquet")
    assert "no line" in refused(tmp_path, []).found
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(BadInput, match="cannot be read"):
        demand.read(tmp_path / "bad.parquet")


PLAN = {"region": "1", "known_on": "2026-01-01", "start": "2026-03-01", "end": "2026-03-05", "from_type": "A", "to_type": "B", "share": "0.5"}  # fmt: skip


def plans(tmp_path, **changed):
    path = tmp_path / "plans.csv"
    cells = PLAN | changed
    path.write_text(",".join(cells) + "\n" + ",".join(cells.values()) + "\n", "utf-8")
    return demand.planned(path, demand.read(written(tmp_path, rows())))


def test_a_planned_migration(tmp_path):
    (one,) = plans(tmp_path)
    assert (one.known_on, one.share, one.to_type) == (date(2026, 1, 1), 0.5, "B")


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("region", "9", "region 9 is not in the demand"),
        ("from_type", "Q", "was never used"),
        ("to_type", "A", "also the type that is left"),
        ("known_on", "soon", "'soon'"),
        ("end", "2026-02-01", "before the start"),
        ("share", "1.5", "'1.5'"),
        ("share", "half", "'half'"),
        ("start", "", "nothing"),
    ],
)
def test_a_plan_that_cannot_be_taken(tmp_path, column, value, found):
    with pytest.raises(BadInput, match=found) as said:
        plans(tmp_path, **{column: value})
    assert (said.value.row, said.value.column) == (2, column)
    assert said.value.remedy


def test_a_plan_with_an_unknown_column(tmp_path):
    with pytest.raises(BadInput) as said:
        plans(tmp_path, owner="x")
    assert said.value.column == "owner"
