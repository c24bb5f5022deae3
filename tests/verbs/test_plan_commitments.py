"""``finops plan commitments``: the answer can be worked out again by anybody; what is wrong is said."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from tests.models.commitments.worlds import migrating, plain_cost

from helpers.__main__ import main


def run(*words):
    return CliRunner().invoke(main, ["plan", "commitments", *map(str, words)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two regions of 20 months as a file, and the plan that is made of them."""
    folder = tmp_path_factory.mktemp("plan")
    parts = []
    for one in (
        migrating("2022-03-20", until="2022-10-01"),
        migrating("2022-05-05", name="2", seed=4, until="2022-10-01"),
    ):
        hours = pd.date_range("2021-02-01", periods=len(one.use), freq="h", tz=UTC)
        for i, kind in enumerate(one.types):
            parts.append(pd.DataFrame({"USAGE_HOUR": hours, "REGION_NUM": int(one.name), "INSTANCE_TYPE": kind, "NORM_USAGE": one.use[:, i]}))  # fmt: skip
    table = pd.concat(parts)
    table = table[table["NORM_USAGE"] > 0]
    table.to_parquet(folder / "demand.parquet", index=False)
    return folder, table


@pytest.fixture(scope="module")
def answer(made):
    folder, _ = made
    done = run("--demand", folder / "demand.parquet", "--type-rate", 0.6, "--portfolio-rate", 0.7, "--term", 12, "--walk-forward", "--json", folder / "out.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "% saved" in done.output
    return json.loads((folder / "out.json").read_text())


def worked_out(record, table, type_rate=0.6, flexible_rate=0.7, term=12):
    mine = table[table["REGION_NUM"] == record["region"]]
    rows = zip(mine["USAGE_HOUR"].dt.to_pydatetime(), mine["INSTANCE_TYPE"], mine["NORM_USAGE"], strict=True)
    return plain_cost(record["purchases"], rows, type_rate, flexible_rate, term, date(2022, 2, 1))


def test_savings_worked_out_again_by_plain_code(made, answer):
    assert [r["region"] for r in answer] == [1, 2]
    for record in answer:
        paid, demand = worked_out(record, made[1])
        assert record["savings_rate"] == pytest.approx(1 - paid / demand, abs=1e-7)
        assert record["regret"] == pytest.approx(record["optimum"] - record["savings_rate"], abs=1e-8)
        assert record["savings_rate"] > record["baselines"]["portfolio"] - 0.003
        assert 0 < record["lock_in_months"] < 12
        for one in record["purchases"]:
            assert one["month"].endswith("-01")
            assert (one["instrument"] == "portfolio") == (one["type"] is None)
            assert one["quantity"] > 0


def test_one_instrument_left_out(made):
    folder, table = made
    done = run("--demand", folder / "demand.parquet", "--portfolio-rate", 0.7, "--walk-forward", "--json", folder / "flexible.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    for record in json.loads((folder / "flexible.json").read_text()):
        assert {p["instrument"] for p in record["purchases"]} == {"portfolio"}
        assert set(record["baselines"]) == {"portfolio"}
        assert record["savings_rate"] >= record["baselines"]["portfolio"] - 0.002
        paid, demand = worked_out(record, table)
        assert record["savings_rate"] == pytest.approx(1 - paid / demand, abs=1e-7)


def test_planned_migrations_change_the_plan(made, answer):
    folder, _ = made
    (folder / "plans.csv").write_text(
        "region,known_on,start,end,from_type,to_type,share\n2,2022-01-10,2022-05-05,2022-05-12,A,B,1.0\n"
    )
    done = run("--demand", folder / "demand.parquet", "--type-rate", 0.6, "--portfolio-rate", 0.7, "--walk-forward", "--events", folder / "plans.csv", "--json", folder / "told.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads((folder / "told.json").read_text())
    assert told[0]["purchases"] == answer[0]["purchases"]  # nothing is planned for region 1
    assert told[1]["purchases"] != answer[1]["purchases"]


def test_what_to_buy_next_to_the_screen(made):
    done = run(
        "--demand", made[0] / "demand.parquet", "--type-rate", 0.6, "--portfolio-rate", 0.7, "--json", "-"
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert {p["month"] for r in found for p in r["purchases"]} == {"2022-10-01"}


def test_words_and_files_that_are_off(made, tmp_path):
    file = made[0] / "demand.parquet"
    assert "at least one instrument" in _failed(
        2, "--demand", file, "--walk-forward", "--json", tmp_path / "o.json"
    )
    assert "1.2" in _failed(2, "--demand", file, "--type-rate", 1.2, "--json", tmp_path / "o.json")
    assert "no such file" in _failed(
        5, "--demand", tmp_path / "none", "--type-rate", 0.6, "--json", tmp_path / "o.json"
    )
    (tmp_path / "plans.csv").write_text("region,known_on,start,end,from_type,to_type,share\n9,2022-01-10,2022-05-05,2022-05-12,A,B,1\n")  # fmt: skip
    said = _failed(5, "--demand", file, "--type-rate", 0.6, "--events", tmp_path / "plans.csv", "--json", tmp_path / "o.json")  # fmt: skip
    assert "region 9 is not in the demand" in said
    assert "row 2, column region" in said
    short = pd.DataFrame({"USAGE_HOUR": pd.date_range("2022-01-01", periods=2000, freq="h", tz=UTC), "REGION_NUM": 1, "INSTANCE_TYPE": "A", "NORM_USAGE": 3.0})  # fmt: skip
    short.to_parquet(tmp_path / "short.parquet")
    said = _failed(5, "--demand", tmp_path / "short.parquet", "--type-rate", 0.6, "--walk-forward", "--json", tmp_path / "o.json")  # fmt: skip
    assert "the first 12 are history only" in said


def _failed(code, *words):
    done = run(*words)
    assert done.exit_code == code, done.output
    return done.output + done.stderr


@pytest.fixture(scope="module")
def real(shared, tmp_path_factory):
    """The walk over the regions of the real data, without and with planned migrations."""
    folder = tmp_path_factory.mktemp("real")
    file = shared / "commitments" / "vm_demand_hourly_regions_1_2.parquet"
    words = ("--demand", file, "--type-rate", 0.6, "--portfolio-rate", 0.7, "--term", 12, "--walk-forward")
    assert run(*words, "--json", folder / "a.json").exit_code == 0
    plans = shared / "commitments" / "planned_migrations.csv"
    assert run(*words, "--events", plans, "--json", folder / "b.json").exit_code == 0
    return file, *(json.loads((folder / f"{n}.json").read_text()) for n in "ab")


def test_real_demand_reaches_what_is_asked(real):
    _, alone, told = real
    flexible, optimum = {1: 0.216, 2: 0.228}, {1: 0.271, 2: 0.279}  # as the issue measured them
    closed = {False: [], True: []}
    for plans, records in ((False, alone), (True, told)):
        for r in records:
            assert r["baselines"]["portfolio"] == pytest.approx(flexible[r["region"]], abs=0.0006)
            assert r["baselines"]["type"] == pytest.approx({1: 0.157, 2: 0.216}[r["region"]], abs=0.0006)
            assert r["optimum"] == pytest.approx(optimum[r["region"]], abs=0.0008)
            assert r["savings_rate"] > r["baselines"]["portfolio"] - 0.003
            gap = r["optimum"] - r["baselines"]["portfolio"]
            closed[plans].append((r["savings_rate"] - r["baselines"]["portfolio"]) / gap)
    assert np.mean(closed[False]) >= 0.25
    assert np.mean(closed[True]) >= 0.45


def test_real_savings_worked_out_again(real):
    file, alone, _ = real
    table = pd.read_parquet(file)
    for record in alone:
        paid, demand = worked_out(record, table)
        assert record["savings_rate"] == pytest.approx(1 - paid / demand, abs=1e-7)
    assert datetime(2022, 2, 1, tzinfo=UTC) > table["USAGE_HOUR"].min()
