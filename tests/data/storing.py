"""Small deliveries made by hand: Parquet files of the stored columns, written by DuckDB, and their `Staged`."""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import time
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import duckdb

from helpers.data import layout
from helpers.data import store as stores
from helpers.data.delivery import SourceFile, Staged, StagedSlice
from helpers.terms.focus import COSTS
from helpers.terms.money import CONTEXT
from helpers.terms.period import Month

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def charge(period="2026-09", cost="1.00", account="a1", provider="AWS", currency="USD", **more):
    """One charge: four equal costs unless `more` says otherwise."""
    return {
        "BillingAccountId": account,
        "ServiceProviderName": provider,
        "BillingCurrency": currency,
        "period": period,
        **dict.fromkeys(COSTS, Decimal(cost)),
        **more,
    }


def stage(
    folder: Path,
    charges,
    source="aws",
    day=date(2026, 10, 5),
    declared=(),
    version="1.2",
    extra=None,
    files=1,
):
    """A delivery of these charges; `extra` are provider columns -> DuckDB type."""
    columns = layout.stored_columns() | (extra or {})
    text = repr((source, sorted(repr(sorted(c.items(), key=str)) for c in charges)))
    identity = hashlib.sha256(text.encode()).hexdigest()
    groups = defaultdict(list)
    for c in charges:
        groups[c["BillingAccountId"], c["period"]].append(c)
    slices = []
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        for n, ((account, period), rows) in enumerate(sorted(groups.items())):
            written = []
            for part in range(files):
                some = rows[part::files]
                if not some:
                    continue
                path = folder / f"{identity[:8]}-{n}-{part}.parquet"
                _write(con, path, some, columns, source, identity, version, account, period)
                written.append(path)
            totals, counts = {}, Counter((r["ServiceProviderName"], r["BillingCurrency"]) for r in rows)
            for r in rows:
                held = totals.setdefault(
                    (r["ServiceProviderName"], r["BillingCurrency"]), dict.fromkeys(COSTS, Decimal(0))
                )
                for cost in COSTS:
                    held[cost] = CONTEXT.add(held[cost], r[cost])
            slices.append(
                StagedSlice(account, period, tuple(written), len(rows), totals, counts=dict(counts))
            )
    file = SourceFile(f"{source}-{identity[:6]}.csv", identity, 100 * len(charges), len(charges), version)
    return Staged(source, day, identity, (file,), tuple(slices), tuple(declared), columns)


def _write(con, path, rows, columns, source, identity, version, account, period):
    start = Month.parse(period).start
    con.execute(
        "CREATE OR REPLACE TABLE t (" + ", ".join(f"{layout.quoted(c)} {k}" for c, k in columns.items()) + ")"
    )
    for r in rows:
        values = {k: v for k, v in r.items() if k != "period"} | {
            "BillingPeriodStart": start,
            "ChargePeriodStart": r.get("ChargePeriodStart", start),
            "x_KitSource": source,
            "x_KitDelivery": identity,
            "x_KitVersion": version,
            "x_KitPeriod": period,
            "x_KitSlice": layout.slice_key(source, account, period),
        }
        names = ", ".join(layout.quoted(c) for c in values)
        con.execute(f"INSERT INTO t ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values()))
    con.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def billed(store: Path, as_of: date | None = None) -> Decimal:
    """What the store says was billed, whatever the currency."""
    from helpers.data import open_charges

    con = open_charges(store, as_of, threads=1).get_backend().con
    try:
        return con.execute("SELECT sum(BilledCost) FROM joined").fetchone()[0]
    finally:
        con.close()


def put(store: Path, tmp: Path, charges, **choices):
    """Stage and ingest in one go."""
    how = {k: choices.pop(k) for k in ("replace", "append", "accept_older", "dry_run") if k in choices}
    return stores.ingest(store, stage(tmp / "staged", charges, **choices), now=NOW, **how)


# --- run in child processes ---------------------------------------------------------------------------------------

CHILDREN = multiprocessing.get_context(
    "forkserver"
)  # its server imports once, so that children start at once
CHILDREN.set_forkserver_preload(["tests.data.storing", "deltalake", "pyarrow.parquet", "pandas", "filelock"])


def hold(store: str, pipe) -> None:
    """Hold the store until told how long to wait before letting go."""
    from helpers.data import locks

    with locks.writing(Path(store)):
        pipe.send("held")
        pipe.recv()
        time.sleep(0.3)


def answer(pipe):
    """What a child says; a child that died or hangs fails the test at once."""
    assert pipe.poll(60), "the child process did not answer"
    return pipe.recv()


def try_to_write(store: str, file: str, pipe) -> None:
    """As somebody without rights (root may do anything): read the charges, then try to write their file."""
    import os

    from helpers.data import open_charges

    con = open_charges(store).get_backend().con
    if not os.geteuid():
        os.setgid(65534)
        os.setuid(65534)
    read = con.execute("SELECT sum(BilledCost) FROM joined").fetchone()[0]
    try:
        con.execute(f"COPY (SELECT 1) TO '{file}' (FORMAT csv, use_tmp_file false)")
        pipe.send([read, "written"])
    except duckdb.Error as refusal:
        pipe.send([read, type(refusal).__name__])


def child_ingest(
    store: str, staged: Staged, how: dict, pipe, die_at: int | None = None, limit: int | None = None
) -> None:
    """Ingest when told to. `die_at`: killed at the n-th step that touches the disk; `limit`: largest file [bytes]."""
    import os
    import signal

    from helpers.data import delta, locks, moving

    if die_at is not None:
        left = iter(range(die_at - 1, -1, -1))

        def dying(step):
            def counted(*args, **kwargs):
                if next(left, 0) == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return step(*args, **kwargs)

            return counted

        moving._move = dying(moving._move)
        locks.sync = moving.locks.sync = delta.sync = dying(locks.sync)
        delta.commit = dying(delta.commit)
        locks.shutil = SimpleNamespace(rmtree=dying(shutil.rmtree))
    if limit is not None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    pipe.send("ready")
    pipe.recv()
    try:
        outcome = stores.ingest(Path(store), staged, now=NOW, **how)
        pipe.send((outcome.done, outcome.cleaned))
    except Exception as problem:
        pipe.send((type(problem).__name__, str(problem)))
