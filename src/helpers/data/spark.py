"""The same charges on Spark: the Parquet files of the store's Delta snapshot, read by an engine that spreads over machines.

Only what is small is prepared here with DuckDB, exactly as it is for the embedded engine: which owner each allocation key
has, and what is known of each SKU. The charges themselves are read, joined and summed by Spark alone; Spark's own Delta
package is not in its wheel and is not needed, because the live files are named one by one.

Environment: ``SPARK_REMOTE`` or an active session are used where there are any; else ``$FINOPS_SPARK_MASTER`` (default
``local[*]``). Java 17 and the extra ``spark`` are needed. See docs/engines.md.

References
----------
Apache Spark 4.0 SQL: sum of DECIMAL(p, s) is DECIMAL(min(38, p + 10), s); session time zone; parquet ``mergeSchema``
(https://spark.apache.org/docs/4.0.0/, read 2026-11-26).
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from helpers.data import allocation, layout
from helpers.data.engine import engine, text
from helpers.terms.errors import Refused

if TYPE_CHECKING:
    import ibis

MASTER = "FINOPS_SPARK_MASTER"
SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",  # a sum that overflows is an error, never a null
    "spark.sql.caseSensitive": "true",  # as the store's columns are
    "spark.ui.enabled": "false",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.parquet.enableVectorizedReader": "true",
}
SMALL = ("kit_owners", "kit_skus")


def charges(store: Path | str, as_of: date | None = None) -> ibis.Table:
    """The charges as an Ibis table on Spark, with the same columns as on the embedded engine.

    Parameters
    ----------
    store : Path
    as_of : date, optional

    Raises
    ------
    Refused
        Spark or Java are not installed, or a delivery is older than the keys that owners are joined by.
    """
    import ibis

    from helpers.data.charges import live_files, stored_sql

    store = layout.need(store)
    state = layout.state_of(store, as_of)
    files = live_files(store, state, as_of)
    con = engine()
    con.execute(f"CREATE VIEW charges AS {stored_sql(files, state)}")
    if con.execute("SELECT count(*) FROM charges WHERE x_KitAllocationKey IS NULL").fetchone()[0]:
        raise Refused(
            "charges of a delivery without allocation keys",
            "x_KitAllocationKey in every charge: Spark cannot compute DuckDB's hash",
            "finops ingest the delivery again, or use the embedded engine",
            file=str(store),
        )
    session = _session()
    mark = uuid4().hex[:12]  # several stores can be open in one session
    scratch = Path(tempfile.mkdtemp(prefix="finops-spark-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    sql = allocation.joined_view(con, store, as_of)
    names = {"charges": f"charges_{mark}"}
    for name in SMALL:
        if con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [name]).fetchone()[0]:
            target = scratch / f"{name}.parquet"
            con.execute(f"COPY {name} TO {text(target)} (FORMAT parquet)")
            names[name] = f"{name}_{mark}"
            session.read.parquet(target.as_uri()).createOrReplaceTempView(names[name])
    _stored(session, files, state).createOrReplaceTempView(names["charges"])
    held = [row[0] for row in con.execute("DESCRIBE charges").fetchall()]
    con.close()
    session.sql(translated(sql, names, held)).createOrReplaceTempView(f"joined_{mark}")
    return ibis.pyspark.connect(session).table(f"joined_{mark}")


def translated(sql: str, names: Mapping[str, str], columns: list[str]) -> str:
    """One SELECT of the embedded engine as Spark writes it, its tables renamed, its star spelled out.

    Examples
    --------
    >>> translated('SELECT c.* REPLACE (1::INT AS b) FROM charges c', {"charges": "x"}, ["a", "b"])
    'SELECT c.`a`, CAST(1 AS INT) AS `b` FROM x AS c'
    """
    import sqlglot
    from sqlglot import exp

    tree: Any = sqlglot.parse_one(sql, read="duckdb")
    for table in tree.find_all(exp.Table):
        if table.name in names:
            alias = table.alias or table.name
            table.set("this", exp.to_identifier(names[table.name]))
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    spelled: list[Any] = []
    for item in tree.expressions:
        if not item.is_star:
            spelled.append(item)
            continue
        star = item.this if isinstance(item, exp.Column) else item
        replaced = {e.alias: e for e in star.args.get("replace") or star.args.get("replace_") or ()}
        for name in columns:
            made = replaced.get(name)
            identifier = exp.to_identifier(name, quoted=True)
            if made is None:
                spelled.append(exp.Column(this=identifier, table=exp.to_identifier("c")))
            else:
                spelled.append(exp.alias_(made.this.copy(), name, quoted=True))
    tree.set("expressions", spelled)
    return tree.sql(dialect="spark")


def _stored(session: Any, files: list[Path], state: Any) -> Any:
    """The live files with every stored column in one order; absent ones null of the column's kind."""
    columns = layout.stored_columns() | state.columns
    read = session.read.option("mergeSchema", "true").parquet(*(f.as_uri() for f in files))
    held = set(read.columns)
    return read.selectExpr(*(_column(name, kind, name in held) for name, kind in columns.items()))


def _column(name: str, kind: str, held: bool) -> str:
    from sqlglot import exp

    if held:
        return f"`{name}`"
    spark = exp.DataType.build(kind, dialect="duckdb").sql(dialect="spark")
    return f"CAST(NULL AS {spark}) AS `{name}`"


def _session() -> Any:
    """The session at hand, or one of our own that ends with this process."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else another Python runs what Spark asks back
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    try:
        from pyspark.sql import SparkSession  # pyright: ignore[reportMissingImports]  an extra
    except ImportError as problem:
        raise Refused(
            "Spark is not installed",
            "the extra spark, and Java 17",
            "pip install 'finops-playbook-kit[spark]', or leave FINOPS_ENGINE empty",
        ) from problem
    if found := SparkSession.getActiveSession():
        return found
    builder: Any = SparkSession.builder
    if not os.environ.get("SPARK_REMOTE"):
        if not (shutil.which("java") or os.environ.get("JAVA_HOME")):
            raise Refused(
                "Java is not installed", "Java 17 or newer", "install it, or leave FINOPS_ENGINE empty"
            )
        builder = builder.master(os.environ.get(MASTER, "local[*]"))
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    return builder.appName("finops").getOrCreate()
