"""The same store on Spark: what is written for it, what is refused, and (slow) the whole notebook with equal results."""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from helpers.data import open_charges
from helpers.data.spark import _column, translated
from helpers.terms.errors import Refused, UsageError

ROOT = Path(__file__).resolve().parents[2]


def test_a_star_is_spelled_out_and_the_joins_are_sparks(larkspur):
    """The real view of a store with rules: every column is named, no word of DuckDB's own is left."""
    from helpers.data import allocation, layout
    from helpers.data.charges import live_files, stored_sql
    from helpers.data.engine import engine

    state = layout.state_of(larkspur)
    con = engine()
    con.execute(f"CREATE VIEW charges AS {stored_sql(live_files(larkspur, state, None), state)}")
    columns = [r[0] for r in con.execute("DESCRIBE charges").fetchall()]
    sql = translated(allocation.joined_view(con, larkspur), {"charges": "c1", "kit_owners": "o1"}, columns)
    assert "*" not in sql.replace("COUNT(*)", "") and "REPLACE" not in sql and "::" not in sql
    assert "FROM c1 AS c LEFT JOIN o1 AS o" in sql
    assert all(f"`{name}`" in sql for name in columns)
    assert "AS STRING) AS x_KitOwner" in sql and "VARCHAR" not in sql


def test_an_absent_column_is_a_null_of_its_kind():
    assert _column("Tags", "MAP(VARCHAR, VARCHAR)", False) == "CAST(NULL AS MAP<STRING, STRING>) AS `Tags`"
    assert _column("BilledCost", "DECIMAL(38,18)", False) == "CAST(NULL AS DECIMAL(38, 18)) AS `BilledCost`"
    assert _column("BilledCost", "DECIMAL(38,18)", True) == "`BilledCost`"


def test_an_unknown_engine_is_refused_before_anything_is_opened(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="engine 'sparc'"):
        open_charges(tmp_path, on="sparc")
    monkeypatch.setenv("FINOPS_ENGINE", "hive")
    with pytest.raises(UsageError, match="one of duckdb, spark"):
        open_charges(tmp_path)


@pytest.mark.skipif(find_spec("pyspark") is not None, reason="Spark is installed here")
def test_without_spark_the_refusal_says_what_to_install(larkspur):
    with pytest.raises(Refused, match=r"finops-playbook-kit\[spark\]"):
        open_charges(larkspur, on="spark")


@pytest.fixture(scope="module")
def spark_python(tmp_path_factory) -> str:
    """A Python with the kit's packages and Spark beside them, in an environment of its own.

    ``FINOPS_SPARK_ENV`` names one that is there already.
    """
    if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
        pytest.skip("Java is absent: Spark needs Java 17")
    kept = os.environ.get("FINOPS_SPARK_ENV", "")
    home = Path(kept) if kept else tmp_path_factory.mktemp("spark") / "env"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True, timeout=300)
        wanted = ["pyspark>=4.0,<4.1", "py4j>=0.10.9.7,<0.10.10"]  # the range of ibis-framework[pyspark] 12
        done = subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "--no-deps", *wanted],
            capture_output=True, text=True, timeout=1200, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"Spark cannot be installed here: {done.stderr.strip().splitlines()[-1][:200]}")
    (own,) = home.glob("lib/python*/site-packages")
    (own / "kit.pth").write_text("\n".join([str(ROOT / "src"), *site.getsitepackages()]) + "\n")
    return str(python)


def pictures(folder: Path) -> list[str]:
    return re.findall(r"base64,([A-Za-z0-9+/=]+)", (folder / "index.html").read_text("utf-8"))


@pytest.mark.slow
def test_the_whole_notebook_gives_the_same_on_spark(larkspur, tmp_path, spark_python):
    """KPIs, change, decisions, tables and every picture: from the Parquet files of the same snapshot, to the last digit."""
    for engine in ("duckdb", "spark"):
        words = [spark_python, "-m", "helpers", "report", "practitioner_kpis", "--data", str(larkspur)]
        env = os.environ | {"FINOPS_ENGINE": engine, "FINOPS_SPARK_MASTER": "local[2]"}
        env.pop("PYTHONPATH", None)
        done = subprocess.run(
            [*words, "--to", str(tmp_path / engine), "--timeout", "2400"],
            capture_output=True, text=True, timeout=2500, check=False, env=env, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
    one, other = (json.loads((tmp_path / e / "results.json").read_text("utf-8")) for e in ("duckdb", "spark"))
    assert len(one["kpis"]) > 100 and any(k["value"] for k in one["kpis"])
    assert one == other
    assert (tmp_path / "duckdb" / "actions.csv").read_bytes() == (
        tmp_path / "spark" / "actions.csv"
    ).read_bytes()
    assert pictures(tmp_path / "duckdb") == pictures(tmp_path / "spark") != []
    import openpyxl

    books = [openpyxl.load_workbook(tmp_path / e / "tables.xlsx") for e in ("duckdb", "spark")]
    cells = [[[c.value for row in sheet.rows for c in row] for sheet in book] for book in books]
    assert cells[0] == cells[1]
    assert json.loads((tmp_path / "spark" / "manifest.json").read_text("utf-8"))["engine"] == "spark"
    env |= {"FINOPS_SPARK_MASTER": "no-such-master"}
    done = subprocess.run(
        [*words, "--to", str(tmp_path / "nowhere")], capture_output=True, text=True, timeout=300, check=False, env=env,
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode and not (tmp_path / "nowhere").exists(), (
        "without a Spark to run on there is no report"
    )
