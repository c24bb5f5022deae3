"""The figures that say how real the sample company looks are those of the data, and the page says them."""

from __future__ import annotations

import importlib
import json
import sys

import pytest
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def realism():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        yield importlib.import_module("realism")
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def recorded(realism):
    return json.loads(realism.RESULT.read_text("utf-8"))


def test_the_page_shows_what_is_recorded(realism, recorded):
    assert realism.table(recorded) in (ROOT / "docs" / "sample.md").read_text("utf-8")


def test_ours_is_as_recorded(realism, recorded, larkspur):
    charged, used = realism.ours(larkspur)
    assert realism.rounded(charged) == recorded["ours"]
    assert realism.rounded(used) == recorded["ours_use"]


def test_theirs_is_as_recorded(realism, recorded, shared):
    found = realism.theirs(shared)
    assert {name: realism.rounded(figures) for name, figures in found.items()} == {
        n: recorded[n] for n in found
    }


def test_zipf_by_hand(realism):
    assert realism.zipf([1000 / n**2 for n in range(1, 9)]) == pytest.approx(2)
