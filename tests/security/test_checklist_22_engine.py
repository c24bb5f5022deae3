"""Line 22 of the checklist over a viewer's own store: the engine of a page's process reads these files and nothing else."""

from __future__ import annotations

import duckdb
import pytest
from tests.security.making import OURS, SECRET

from helpers.data import cut, open_charges, usage


@pytest.fixture(scope="module")
def mine(two, tmp_path_factory):
    return cut.cut(two, [OURS], tmp_path_factory.mktemp("mine") / "store")


def test_22_only_the_viewers_files_are_read(two, mine):
    con = open_charges(mine, threads=1).get_backend().con
    theirs = next((two / "charges" / "data").rglob("*.parquet"))
    own = next((mine / "charges" / "data").rglob("*.parquet"))
    for statement in (
        f"FROM read_parquet('{theirs}')",
        f"FROM read_parquet('{own.parent}/../../../../{two.name}/charges/data/**')",
        f"FROM read_parquet('{mine}/charges/data/**/*.parquet')",
        f"FROM read_text('{mine}/cut.json')",
        f"FROM glob('{two.parent}/**')",
        f"COPY (SELECT 1) TO '{mine}/out.parquet'",
        f"ATTACH '{mine}/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET memory_limit = '64GB'",
        "SET threads = 64",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(statement).fetchall()
    assert con.execute("SELECT count(*) FROM joined").fetchone() == (2,)
    assert SECRET not in str(con.execute("SELECT * FROM joined").fetchall())


def test_22_a_sibling_with_the_same_prefix_is_another_folder(two, mine):
    import shutil

    sibling = mine.with_name(mine.name + "-secret")
    shutil.copytree(two, sibling)
    con = open_charges(mine, threads=1).get_backend().con
    file = next((sibling / "charges" / "data").rglob("*.parquet"))
    with pytest.raises(duckdb.Error):
        con.execute(f"FROM read_parquet('{file}')")


def test_22_the_settings_are_locked_and_last(mine):
    con = open_charges(mine, memory="300MB", threads=2).get_backend().con
    held = dict(con.execute("SELECT name, value FROM duckdb_settings()").fetchall())
    assert held["enable_external_access"] == "false"
    assert held["python_enable_replacements"] == "false"
    assert held["autoinstall_known_extensions"] == "false"
    assert held["autoload_known_extensions"] == "false"
    assert held["allow_community_extensions"] == "false"
    assert held["lock_configuration"] == "true"
    assert held["threads"] == "2"
    assert held["memory_limit"].startswith(("286", "300"))
    assert str(mine) in held["allowed_paths"]
    assert held["allowed_directories"].count("finops-") == 1, "its own place to spill to, nothing else"
    assert "," not in held["allowed_directories"]


def test_22_inputs_are_not_writable(mine):
    files = list(mine.rglob("data/**/*.parquet"))
    assert files
    assert all(not p.stat().st_mode & 0o222 for p in files)
    assert mine.stat().st_mode & 0o077 == 0


def test_22_a_caller_cannot_be_read_by_name(mine):
    import pandas

    others = pandas.DataFrame({"a": [SECRET]})
    con = open_charges(mine, threads=1).get_backend().con
    with pytest.raises(duckdb.Error):
        con.execute("FROM others")
    assert len(others) == 1
    assert usage.open_usage(mine) is None
