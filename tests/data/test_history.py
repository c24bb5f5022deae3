"""History: as-of, the replay against Delta's own list, compaction, vacuum, aged logs, companion tables, two writers."""

from __future__ import annotations

import json
import os
import time
from datetime import date
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.storing import CHILDREN, NOW, answer, billed, charge, hold, put, stage

from helpers.data import delta, layout, open_charges, upkeep
from helpers.data import store as stores
from helpers.data.history import DeliveryRecord, replay
from helpers.terms.errors import Damaged, KitError, Refused, UsageError


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def told(store, tmp_path):
    """Two sources, their deliveries interleaved, one month corrected, one charge appended."""
    put(store, tmp_path, [charge("2026-09", "1"), charge("2026-10", "2")], day=date(2026, 10, 5))
    put(store, tmp_path, [charge("2026-09", "10", provider="OCI")], source="oci", day=date(2026, 10, 3))
    put(store, tmp_path, [charge("2026-10", "4")], day=date(2026, 11, 5))
    put(store, tmp_path, [charge("2026-09", "0.5")], day=date(2026, 11, 7), append=True)
    put(store, tmp_path, [charge("2026-10", "20", provider="OCI")], source="oci", day=date(2026, 11, 3))
    return store


EXPECTED = {  # day -> billed, worked by hand
    date(2026, 10, 3): "10",
    date(2026, 10, 5): "13",
    date(2026, 11, 2): "13",
    date(2026, 11, 3): "33",
    date(2026, 11, 5): "35",
    date(2026, 11, 7): "35.5",
}


def test_as_of_takes_the_deliveries_dated_up_to_that_day(told):
    assert {day: billed(told, day) for day in EXPECTED} == {day: Decimal(v) for day, v in EXPECTED.items()}
    assert billed(told) == billed(told, date(2026, 11, 7))
    with pytest.raises(Refused, match="no charges as of 2026-10-02"):
        open_charges(told, date(2026, 10, 2))


def test_every_day_reconciles(told):
    for day in EXPECTED:
        assert stores.reconcile(told, day).exact
        assert sum(x.in_store["BilledCost"] for x in stores.reconcile(told, day).lines) == billed(told, day)


def test_history_lists_deliveries_with_totals_before_and_after(told):
    third = stores.history(told)[2]
    (change,) = third.slices
    key = ("AWS", "USD")
    assert (third.source, third.delivered, change.action) == ("aws", date(2026, 11, 5), "replaced")
    assert (change.totals_before[key]["BilledCost"], change.totals_after[key]["BilledCost"]) == (2, 4)
    appended = stores.history(told)[3].slices[0]
    assert (appended.action, appended.rows_after) == ("appended", 2)
    assert str(appended.totals_after[key]["BilledCost"]) == "1.5"
    assert [r.source for r in stores.history(told, date(2026, 10, 5))] == ["aws", "oci"]
    assert json.loads(json.dumps(third.plain()))["delivered"] == "2026-11-05"


def test_compaction_changes_no_state(told):
    before = {day: billed(told, day) for day in EXPECTED}
    outcome = stores.compact(told, now=NOW)
    assert (outcome.files_before, outcome.files_after) == (5, 4)
    assert {day: billed(told, day) for day in EXPECTED} == before
    assert delta.paths(told / "charges") == {f.path for f in layout.state_of(told).live}
    assert stores.reconcile(told).exact
    assert stores.compact(told, now=NOW).done == "every slice is one file already"


def test_vacuum_keeps_what_later_days_need(told):
    stores.compact(told, now=NOW)
    before = {day: billed(told, day) for day in EXPECTED}
    kept = date(2026, 11, 5)
    outcome = stores.vacuum(told, kept, now=NOW)
    assert outcome.files_before - outcome.files_after == 2  # October before its correction; the appended
    assert outcome.bytes_freed > 0
    for day in EXPECTED:
        if day >= kept:
            assert billed(told, day) == before[day]
        else:
            with pytest.raises(Refused, match=f"removed by finops history --vacuum {kept}"):
                open_charges(told, day)
    assert stores.verify(told).files == 5  # 5 November needs September as it was, later days need it joined
    stores.vacuum(told, date(2026, 12, 1), now=NOW)
    assert stores.verify(told).files == len(layout.state_of(told).live) == 4
    assert billed(told) == before[date(2026, 11, 7)]


def test_upgrade_has_nothing_to_do(told):
    assert stores.upgrade(told, now=NOW).done == "the store has format 1 already"


CHOICES = st.tuples(
    st.sampled_from(["aws", "oci"]),
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["2026-09", "2026-10"])),
        min_size=1,
        max_size=3,
    ),
    st.integers(1, 9),  # day
    st.integers(-9, 9),  # cost
    st.sampled_from(["", "append", "replace", "accept_older"]),
)
STEPS = st.lists(
    st.one_of(CHOICES, CHOICES, CHOICES, st.just("compact"), st.integers(1, 9)), min_size=1, max_size=7
)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_replay_is_deltas_own_list_and_every_day_reconciles(tmp_path_factory, steps):
    """Any run of deliveries, compactions and vacuums: what our records give is what Delta lists, and nothing is lost."""
    tmp = tmp_path_factory.mktemp("replay")
    store, model, kept = tmp / "store", [], None
    for n, step in enumerate(steps):
        if step == "compact":
            if stores.exists(store):
                stores.compact(store, now=NOW)
        elif isinstance(step, int):
            day = date(2026, 11, step)
            if stores.exists(store) and "removed" in stores.vacuum(store, day, now=NOW).done:
                kept = max(day, kept or date.min)
        else:
            source, slices, day, cost, how = step
            charges = [
                charge(period, str(cost), account=account, provider=source, ResourceId=str(n))
                for account, period in slices
            ]
            extra = {f"x_{n % 2}": "VARCHAR"}
            choices = {"replace": ["2026-09", "2026-10"]} if how == "replace" else {how: True} if how else {}
            try:
                put(store, tmp, charges, source=source, day=date(2026, 11, day), extra=extra, **choices)
            except Refused:
                continue
            model.append((date(2026, 11, day), source, charges, how))
    if not model:
        return
    records = delta.records(store / "charges")
    assert {f.path for f in replay(records).live} == delta.paths(store / "charges")
    assert DeltaTable(store / "charges").to_pyarrow_table(columns=["BilledCost"]).num_rows == len(
        expected_rows(model, None)
    )
    stores.verify(store)
    for day in [None, *(date(2026, 11, d) for d in range(1, 10))]:
        rows = expected_rows(model, day)
        if not rows or (day and kept and day < kept):
            with pytest.raises(Refused):
                stores.reconcile(store, day)
            continue
        found = stores.reconcile(store, day)
        assert found.exact
        assert found.rows == len(rows)
        assert sum(x.in_store["BilledCost"] for x in found.lines) == sum(c["BilledCost"] for c in rows)
    assert billed(store) == sum(c["BilledCost"] for c in expected_rows(model, None))


def expected_rows(model, day):
    """The same by the issue's words: a plain list of charges, months struck out and written anew."""
    held: list[tuple[str, dict]] = []
    for delivered, source, charges, how in model:
        if day is None or delivered <= day:
            if how != "append":
                touched = {(c["BillingAccountId"], c["period"]) for c in charges}
                held = [
                    (s, c)
                    for s, c in held
                    if s != source or (c["BillingAccountId"], c["period"]) not in touched
                ]
            held += [(source, c) for c in charges]
    return [c for _, c in held]


# --- logs outlive Delta's defaults --------------------------------------------------------------------------------


def empty(n: int) -> DeliveryRecord:
    return DeliveryRecord("delivery", f"{n:064}", f"s{n}", date(2026, 1, 1), NOW, "0.1.0")


def age(table: Path) -> None:
    old = time.time() - 400 * 86400
    for log in (table / "_delta_log").iterdir():
        os.utime(log, (old, old))


def test_version_0_opens_after_300_commits_of_aged_logs(store, tmp_path):
    put(store, tmp_path, [charge("2026-09", "1")])
    table = store / "charges"
    for n in range(300):
        if n % 60 == 0:
            age(table)
        delta.commit(table, empty(n), partition=layout.PARTITION)
    age(table)
    put(store, tmp_path, [charge("2026-10", "2")])
    DeltaTable(table).create_checkpoint()
    DeltaTable(table).cleanup_metadata()  # what another engine would do by itself
    assert (table / "_delta_log" / f"{0:020d}.json").is_file()
    assert list((table / "_delta_log").glob("*.checkpoint.parquet"))  # checkpoints were made on the way
    assert DeltaTable(table, version=0).file_uris() == []
    assert DeltaTable(table, version=1).to_pyarrow_table().num_rows == 1
    assert len(stores.history(store)) == 302
    assert billed(store) == 3


def test_with_deltas_defaults_the_same_loses_version_0(tmp_path):
    """So the test above can fail."""
    table = tmp_path / "plain"
    DeltaTable.create(
        table,
        Schema.from_arrow(pa.schema([(layout.PARTITION, pa.string())])),
        partition_by=[layout.PARTITION],
    )
    for n in range(3):
        delta.commit(table, empty(n), partition=layout.PARTITION)
    DeltaTable(table).create_checkpoint()
    age(table)
    DeltaTable(table).cleanup_metadata()
    assert not (table / "_delta_log" / f"{0:020d}.json").is_file()


# --- companion tables ---------------------------------------------------------------------------------------------


def test_companions_are_versioned_in_the_store(store, tmp_path):
    put(store, tmp_path, [charge()])
    one, two = pa.table({"key": ["a"]}), pa.table({"key": ["a", "b"], "owner": ["x", "y"]})
    assert stores.write_table(store, "rules", one, date(2026, 10, 1), {"file": "one.csv"}, now=NOW)
    assert not stores.write_table(store, "rules", one, date(2026, 10, 1), {"file": "one.csv"}, now=NOW)
    assert stores.write_table(store, "rules", two, date(2026, 11, 1), {"file": "two.csv"}, now=NOW)
    assert stores.read_table(store, "rules").equals(two)
    assert stores.read_table(store, "rules", date(2026, 10, 31)).equals(one)
    assert stores.read_table(store, "rules", date(2026, 9, 30)) is None
    assert stores.read_table(store, "budgets") is None
    assert stores.table_names(store) == ["rules"]
    record = stores.table_record(store, "rules", date(2026, 10, 31))
    assert (record.details, record.version) == ({"file": "one.csv"}, 1)
    assert DeltaTable(store / "companions" / "rules").to_pyarrow_table().num_rows == 2
    assert stores.snapshot(store)["companions"]["rules"]["delivered"] == "2026-11-01"
    assert stores.verify(store).files == 3
    file = store / "companions" / "rules" / record.added[0].path
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(Damaged):
        stores.read_table(store, "rules", date(2026, 10, 31))
    with pytest.raises(Damaged):
        stores.verify(store)
    assert stores.read_table(store, "rules").equals(two)


def test_companions_can_come_before_the_charges(store, tmp_path):
    stores.write_table(store, "rules", pa.table({"key": ["a"]}), date(2026, 10, 1), {}, now=NOW)
    put(store, tmp_path, [charge(cost="3")])
    assert billed(store) == 3
    assert stores.read_table(store, "rules").num_rows == 1
    with pytest.raises(UsageError):
        stores.write_table(store, "../out", pa.table({"key": ["a"]}), date(2026, 10, 1), {}, now=NOW)


# --- one writer at a time -----------------------------------------------------------------------------------------


@pytest.fixture
def holder(store, tmp_path):
    """Another process that holds the store until told to let go."""
    put(store, tmp_path, [charge(cost="3")])
    ours, theirs = CHILDREN.Pipe()
    process = CHILDREN.Process(target=hold, args=(str(store), theirs))
    process.start()
    theirs.close()
    assert answer(ours) == "held"
    yield process, ours
    process.kill()
    process.join(60)


def test_a_second_writer_is_told_who_holds_the_store(holder, store, tmp_path):
    process, _ = holder
    staged = stage(tmp_path / "x", [charge("2026-10")])
    with pytest.raises(Refused, match=rf"process {process.pid} on .* since \d{{4}}-.*waited 0.2 s"):
        try:
            stores.ingest(store, staged, now=NOW, timeout=0.2)
        except KitError as refusal:
            raise type(refusal)(str(refusal).replace("\n", " ")) from refusal
    assert billed(store) == 3  # readers are not blocked
    assert stores.verify(store).files == 1


def test_a_second_writer_waits_its_turn(holder, store, tmp_path):
    _, pipe = holder
    pipe.send("let go in 0.3 s")
    put(store, tmp_path, [charge("2026-10", "4")])
    assert billed(store) == 7


def test_a_writer_that_was_killed_does_not_hold_the_store(holder, store, tmp_path):
    process, _ = holder
    process.kill()
    process.join(60)
    put(store, tmp_path, [charge("2026-10", "4")])
    assert billed(store) == 7


def test_staging_of_a_living_writer_is_left_alone(store, tmp_path):
    put(store, tmp_path, [charge()])
    with stores.staging(store) as mine:
        (mine / "part.parquet").write_bytes(b"being written")
        assert put(store, tmp_path, [charge("2026-10")]).cleaned == ()
        assert (mine / "part.parquet").exists()
    assert not mine.exists()
    dead = store / ".staging" / "0123"
    dead.mkdir()
    (dead / "part.parquet").write_bytes(b"half")
    half = store / "charges" / "_delta_log" / f"{3:020d}.json#1"  # killed while Delta wrote its log entry
    half.write_bytes(b'{"add":')
    assert billed(store) == 2
    assert put(store, tmp_path, [charge("2026-11")]).cleaned == (
        "a writer that died left .staging/0123; removed",
    )
    assert not dead.exists()
    assert not half.exists()
    assert billed(store) == 3


def test_needed_files_cover_every_day(told):
    records = delta.records(told / "charges")
    everything = {f.path for r in records for f in r.added}
    assert {f.path for f in upkeep.needed(records, None)} == everything
