"""The benchmark's claims: against raw tables, against the peer's package, and the page that repeats them."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from types import ModuleType

import pytest
from tests.conftest import ROOT

RESULTS = ROOT / "benchmarks" / "results" / "emissions.json"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_emissions", ROOT / "benchmarks" / "emissions.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_forty_cases_and_more_agree_with_the_raw_tables(shared, bench):
    found = bench.ccf()
    assert found["cases"] >= 40
    assert found["largest_difference"] < 2e-5
    recorded = json.loads(RESULTS.read_text("utf-8"))["cloud_carbon_footprint"]
    assert [c["kgCO2e_hour"] for c in recorded["each"]] == [c["kgCO2e_hour"] for c in found["each"]]


def test_the_comparison_would_see_a_wrong_factor(shared, bench, monkeypatch):
    good = bench.plain
    monkeypatch.setattr(bench, "plain", lambda *a: good(*a) | {"making": good(*a)["making"] * 1.01})
    assert bench.ccf()["largest_difference"] > 0.009


def test_recorded_results_of_the_package_are_those_claimed():
    found = json.loads(RESULTS.read_text("utf-8"))["boavizta"]
    assert found["largest_difference_watts"] <= 0.0001
    assert found["largest_difference_making"] <= 0.0002
    assert len({e["machine"] for e in found["each"]}) >= 7


def test_the_page_repeats_the_results():
    page = (ROOT / "docs" / "emissions.md").read_text("utf-8")
    table = page.split("<!-- methods -->")[1].split("<!-- end -->")[0]
    each = {
        e["machine"]: e for e in json.loads(RESULTS.read_text("utf-8"))["boavizta"]["each"] if e["load"] == 50
    }
    rows = re.findall(r"^\| (\S+\.\S+) \| (.+) \|$", table, flags=re.M)
    assert {m for m, _ in rows} == set(each)
    for machine, cells in rows:
        e = each[machine]
        one, two = e["ccf"], e["our_inputs"]
        want = [
            f"{one['watts']:,.2f}",
            f"{two['watts']:,.2f}",
            f"{two['watts'] / one['watts']:.2f}",
            f"{one['kg_of_life']:,.1f}",
            f"{two['kg_of_life']:,.1f}",
        ]
        assert cells.split(" | ") == want, machine


@pytest.mark.slow
def test_the_package_itself_says_the_same(bench, tmp_path):
    """Boavizta's package (AGPL) in an environment of its own: neither its code nor its data stay."""
    made = subprocess.run(
        [sys.executable, "-m", "venv", str(tmp_path / "peer")], capture_output=True, text=True, check=False
    )
    python = tmp_path / "peer" / "bin" / "python"
    if made.returncode:
        pytest.skip(f"no virtual environment can be made here: {made.stderr[-200:]}")
    words = [str(python), "-m", "pip", "install", "-q", "boaviztapi==2.5.*", "httpx", "httpx2"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"boaviztapi 2.5 cannot be installed here: {done.stderr.strip().splitlines()[-1]}")
    found = bench.boavizta(str(python))
    assert found["largest_difference_watts"] <= 0.0005
    assert found["largest_difference_making"] <= 0.0005
