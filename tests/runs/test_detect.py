"""``finops detect`` from the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from helpers.__main__ import main


def written(folder, values, step: int = 5):
    path = folder / "series.csv"
    start = np.datetime64("2026-03-01T00:00:00")
    rows = [
        f"{str(start + np.timedelta64(step * n, 'm')).replace('T', ' ')},{v}" for n, v in enumerate(values)
    ]
    path.write_text("timestamp,value\n" + "\n".join(rows) + "\n", "utf-8")
    return path


def test_alerts_as_json_with_start_end_and_score(tmp_path):
    values = 10 + np.random.default_rng(1).normal(0, 1, 1500).clip(-3, 3)
    values[1000:1010] = 70
    out = tmp_path / "alerts.json"
    done = CliRunner().invoke(
        main, ["detect", "--series", str(written(tmp_path, values)), "--json", str(out)]
    )
    assert done.exit_code == 0, done.output
    (alert,) = json.loads(out.read_text("utf-8"))
    assert list(alert) == ["start", "end", "score"]
    assert (alert["start"], alert["end"]) == ("2026-03-04T11:20:00", "2026-03-04T12:05:00")
    assert alert["score"] > 1.25
    assert "value above all before" in done.output
    loud = CliRunner().invoke(main, ["detect", "--series", str(tmp_path / "series.csv"), "--margin", "0"])
    assert loud.output.count(" to ") >= 1


def test_nothing_stands_out_is_an_empty_list(tmp_path):
    done = CliRunner().invoke(main, ["detect", "--series", str(written(tmp_path, [0] * 700)), "--json", "-"])
    assert done.exit_code == 0
    assert "[]" in done.output and "all values are zero" in done.output


@pytest.mark.parametrize(
    ("values", "step", "said"),
    [
        ([1.5] * 7, 24 * 60, "more than 28: so many are looked at before the first alert"),
        ([1, "x", 3], 5, "row 3, column value"),
    ],
)
def test_too_little_or_wrong_is_refused(tmp_path, values, step, said):
    out = tmp_path / "alerts.json"
    done = CliRunner().invoke(
        main, ["detect", "--series", str(written(tmp_path, values, step)), "--json", str(out)]
    )
    assert done.exit_code == 5
    assert said in done.output
    assert "remedy" in done.output or json.loads(out.read_text("utf-8"))["remedy"]


def test_no_such_file(tmp_path):
    done = CliRunner().invoke(main, ["detect", "--series", str(tmp_path / "none.csv")])
    assert done.exit_code == 5 and "no such file" in done.output
