"""The store: deliveries, restatements, refusals, what other engines see, the locked connection."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from deltalake import DeltaTable, QueryBuilder
from tests.data.storing import CHILDREN, NOW, answer, billed, charge, put, stage, try_to_write

from helpers.data import layout, open_charges
from helpers.data import store as stores
from helpers.terms import focus
from helpers.terms.errors import Damaged, Refused

OCTOBER = [charge("2026-10", cost) for cost in ("10", "20", "30", "40")]


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path / "store"


# --- what comes out -----------------------------------------------------------------------------------------------


def test_a_delivery_comes_back_exactly(store, tmp_path):
    odd = Decimal("1234567890123456789.123456789012345678")  # 37 digits: a float would keep 16
    outcome = put(store, tmp_path, [charge(cost=str(odd)), charge(cost="-0.000000000000000001")])
    assert outcome.done == "committed"
    assert json.loads(json.dumps(outcome.plain()))["slices"][0]["rows"] == 2
    assert str(billed(store)) == "1234567890123456789.123456789012345677"
    assert stores.reconcile(store).exact


def test_columns_are_those_of_the_contract(store, tmp_path):
    put(store, tmp_path, [charge(x_Team="blue")], extra={"x_Team": "VARCHAR"})
    schema = open_charges(store).schema()
    expected = [*focus.columns(), *focus.STORED_KIT_COLUMNS, "x_Team", *focus.JOINED_KIT_COLUMNS]
    assert list(schema) == expected
    assert str(schema["BilledCost"]) == "decimal(38, 18)"
    assert str(schema["ChargePeriodStart"]).startswith("timestamp('UTC'")
    assert schema["Tags"].is_map()


def test_a_column_that_comes_later_is_null_before(store, tmp_path):
    put(store, tmp_path, [charge("2026-09")])
    put(store, tmp_path, [charge("2026-10", x_Team="blue")], extra={"x_Team": "VARCHAR"})
    frame = open_charges(store).select("x_KitPeriod", "x_Team").order_by("x_KitPeriod").execute()
    assert frame.x_KitPeriod.tolist() == ["2026-09", "2026-10"]
    assert frame.x_Team.isna().tolist() == [True, False]
    assert "x_Team" in [f.name for f in DeltaTable(store / "charges").schema().fields]


def test_a_column_that_changes_its_type_or_case_is_refused(store, tmp_path):
    put(store, tmp_path, [charge(x_Team="blue")], extra={"x_Team": "VARCHAR"})
    with pytest.raises(Refused, match="x_Team of type BIGINT"):
        put(store, tmp_path, [charge("2026-10", x_Team=7)], extra={"x_Team": "BIGINT"})
    with pytest.raises(Refused, match="where the store holds x_Team"):
        put(store, tmp_path, [charge("2026-10", x_team="7")], extra={"x_team": "VARCHAR"})


def test_other_readers_of_delta_see_the_same(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    put(store, tmp_path, [charge("2026-10", "55"), charge("2026-10", "66")], declared=["2026-10"])
    table = DeltaTable(store / "charges").to_pyarrow_table()
    assert sum(table.column("BilledCost").to_pylist()) == billed(store) == Decimal(121)
    query = QueryBuilder().register("charges", DeltaTable(store / "charges"))  # DataFusion
    sql = """SELECT sum("BilledCost"), count(*) FROM charges WHERE "x_KitSlice" = 'aws|a1|2026-10'"""
    assert [c[0].as_py() for c in query.execute(sql).read_all().columns] == [Decimal(121), 2]
    assert DeltaTable(store / "charges", version=1).to_pyarrow_table().num_rows == 4  # an earlier version


def test_files_carry_statistics_so_that_engines_can_skip_them(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    actions = DeltaTable(store / "charges").get_add_actions(flatten=True)
    assert actions.column("num_records").to_pylist() == [4]
    assert str(actions.column("min.BillingPeriodStart").to_pylist()[0]).startswith("2026-10-01")
    assert str(actions.column("max.ChargePeriodStart").to_pylist()[0]).startswith("2026-10-01")


def test_several_stay_open_while_the_store_is_written(store, tmp_path):
    put(store, tmp_path, [charge("2026-09", "1")])
    one, two = open_charges(store), open_charges(store)
    put(store, tmp_path, [charge("2026-10", "2")])
    three = open_charges(store)
    assert [t.BilledCost.sum().execute() for t in (one, two, three)] == [1, 1, 3]


# --- restatement --------------------------------------------------------------------------------------------------


def test_a_stray_charge_does_not_wipe_its_month(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    stray = [charge("2026-09", "5"), charge("2026-09", "6"), charge("2026-10", "0.37")]
    with pytest.raises(Refused) as caught:
        put(store, tmp_path, stray)
    said = str(caught.value)
    assert "1 row billed 0.37 USD" in said
    assert "4 rows billed 100 USD" in said
    assert "--replace 2026-10" in said
    assert "--append" in said
    assert billed(store) == 100  # nothing of the refused delivery is in, September neither
    put(store, tmp_path, stray, append=True)
    assert billed(store) == Decimal("111.37")


@pytest.mark.parametrize(
    ("costs", "taken"),
    [
        (["50", "0"], True),  # half of the rows, half of the total
        (["49.99", "0"], False),  # half of the rows, less of the total
        (["100"], False),  # all of the total, a quarter of the rows
        (["30", "30", "30"], True),
        (["-100", "-100", "-100", "-100"], False),
    ],
)
def test_half_of_rows_and_of_billed_total_replace(store, tmp_path, costs, taken):
    put(store, tmp_path, OCTOBER)
    new = [charge("2026-10", c) for c in costs]
    if taken:
        change = put(store, tmp_path, new).slices[0]
        assert (change.action, change.rows_before, change.rows_after) == ("replaced", 4, len(costs))
        assert billed(store) == sum(map(Decimal, costs))
    else:
        with pytest.raises(Refused, match="at least half"):
            put(store, tmp_path, new)
        assert billed(store) == 100


def test_half_is_asked_of_each_currency(store, tmp_path):
    put(store, tmp_path, [charge("2026-10", "10"), charge("2026-10", "10", currency="EUR")])
    with pytest.raises(Refused, match="10 EUR, 10 USD"):
        put(store, tmp_path, [charge("2026-10", "90"), charge("2026-10", "4", currency="EUR")])


def test_a_month_of_credits_needs_half_of_the_credit(store, tmp_path):
    put(store, tmp_path, [charge("2026-10", "-10")])
    with pytest.raises(Refused):
        put(store, tmp_path, [charge("2026-10", "-4")])
    put(store, tmp_path, [charge("2026-10", "-6")])
    assert billed(store) == -6


def test_declared_or_named_months_are_replaced_however_small(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    put(store, tmp_path, [charge("2026-10", "3")], declared=["2026-10"])
    assert billed(store) == 3
    put(store, tmp_path, [*OCTOBER, charge("2026-10", "1")])
    put(store, tmp_path, [charge("2026-10", "2")], replace=["2026-10"])
    assert billed(store) == 2


def test_only_the_accounts_of_the_delivery_are_replaced(store, tmp_path):
    put(store, tmp_path, [charge("2026-10", "1", account="a"), charge("2026-10", "2", account="b")])
    outcome = put(store, tmp_path, [charge("2026-10", "5", account="a")], declared=["2026-10"])
    assert billed(store) == 7
    assert any("billing account b is held but not in this delivery" in n for n in outcome.record.notes)


def test_the_same_delivery_again_changes_nothing(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    version = DeltaTable(store / "charges").version()
    assert put(store, tmp_path, OCTOBER, day=date(2026, 12, 1)).done == "already held"
    assert DeltaTable(store / "charges").version() == version


def test_an_older_delivery_is_refused_unless_accepted(store, tmp_path):
    put(store, tmp_path, [charge("2026-10", "20")], day=date(2026, 11, 5))
    late = [charge("2026-10", "19")]
    with pytest.raises(Refused, match=r"dated 2026-11-03.*2026-11-05 is held[\s\S]*--accept-older"):
        put(store, tmp_path, late, day=date(2026, 11, 3))
    put(store, tmp_path, late, day=date(2026, 11, 3), accept_older=True)
    assert billed(store) == 19
    put(
        store, tmp_path, [charge("2026-08", "1")], day=date(2026, 9, 1)
    )  # other months: nothing newer is held


def test_a_delivery_that_was_replaced_does_not_come_back_as_new(store, tmp_path):
    first, second = [charge("2026-10", "20")], [charge("2026-10", "21")]
    put(store, tmp_path, first, day=date(2026, 11, 3))
    put(store, tmp_path, second, day=date(2026, 11, 4))
    with pytest.raises(Refused, match="of 2026-11-03, which the one dated 2026-11-04 has replaced"):
        put(store, tmp_path, first, day=date(2026, 11, 9))  # the day of ingest is today, the content is not
    assert put(store, tmp_path, first, day=date(2026, 11, 9), accept_older=True).done == "committed"
    assert billed(store) == 20


def test_two_sources_with_the_same_account_and_month_are_an_error(store, tmp_path):
    put(store, tmp_path, OCTOBER, source="aws-main")
    with pytest.raises(Refused, match="'aws-main' and 'aws-copy' both hold AWS"):
        put(store, tmp_path, [charge("2026-10", "1"), charge("2026-11", "1")], source="aws-copy")
    put(store, tmp_path, [charge("2026-10", "1", provider="Oracle")], source="oci")
    put(store, tmp_path, [charge("2026-10", "1", account="other")], source="aws-copy")
    assert billed(store) == 102


def test_appending_the_same_file_twice_is_refused(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    staged = stage(tmp_path / "x", [charge("2026-10", "7")])
    twice = stores.Staged(
        "aws",
        staged.delivered,
        "0" * 64,
        (stage(tmp_path / "y", OCTOBER).files[0],),
        staged.slices,
        (),
        staged.columns,
    )
    with pytest.raises(Refused, match="count twice"):
        stores.ingest(store, twice, append=True, now=NOW)


def test_dry_run_writes_nothing_and_says_all(store, tmp_path):
    assert put(store, tmp_path, OCTOBER, dry_run=True).done == "would commit"
    assert not store.exists()
    put(store, tmp_path, OCTOBER)
    before = sorted((p, p.stat().st_mtime_ns) for p in store.rglob("*"))
    outcome = put(store, tmp_path, [charge("2026-10", "99"), charge("2026-10", "1")], dry_run=True)
    assert outcome.slices[0].totals_before["AWS", "USD"]["BilledCost"] == 100
    assert outcome.slices[0].totals_after["AWS", "USD"]["BilledCost"] == 100
    assert sorted((p, p.stat().st_mtime_ns) for p in store.rglob("*")) == before


def test_rows_lost_on_the_way_are_noticed(store, tmp_path):
    staged = stage(tmp_path / "x", OCTOBER)
    one = staged.slices[0]
    lied = stores.Staged(
        staged.source,
        staged.delivered,
        staged.id,
        staged.files,
        (type(one)(one.account, one.period, one.files, 5, one.totals),),
        (),
        staged.columns,
    )
    with pytest.raises(Exception, match="4 rows were written, 5 were read"):
        stores.ingest(store, lied, now=NOW)
    assert DeltaTable(store / "charges").file_uris() == []


# --- reconciliation and integrity ---------------------------------------------------------------------------------


def test_reconciles_by_source_provider_period_currency(store, tmp_path):
    put(
        store,
        tmp_path,
        [charge("2026-10", "1"), charge("2026-10", "2", currency="EUR"), charge("2026-09", "4")],
    )
    put(store, tmp_path, [charge("2026-10", "8", provider=None, account=None)], source="bare")
    found = stores.reconcile(store)
    assert found.exact
    assert found.rows == 4
    assert [(x.source, x.provider, x.period, x.currency, x.rows_store) for x in found.lines] == [
        ("aws", "AWS", "2026-09", "USD", 1),
        ("aws", "AWS", "2026-10", "EUR", 1),
        ("aws", "AWS", "2026-10", "USD", 1),
        ("bare", "", "2026-10", "USD", 1),
    ]
    assert list(found.frame().BilledCost_difference) == [0, 0, 0, 0]


def test_a_total_that_differs_from_its_source_is_shown(store, tmp_path):
    staged = stage(tmp_path / "x", OCTOBER)
    staged.slices[0].totals["AWS", "USD"]["ListCost"] += Decimal("0.000000000000000001")
    stores.ingest(store, staged, now=NOW)
    found = stores.reconcile(store)
    assert not found.exact
    assert found.lines[0].difference["ListCost"] == Decimal("-1E-18")
    assert found.lines[0].difference["BilledCost"] == 0


def test_residue_is_kept_and_summed(store, tmp_path):
    staged = stage(tmp_path / "x", OCTOBER)
    staged.slices[0].residue["ListCost"] = (3, Decimal("2.4E-19"))
    stores.ingest(store, staged, now=NOW)
    (line,) = stores.reconcile(store).residue
    assert (line.source, line.period, line.column, line.count, line.amount) == (
        "aws", "2026-10", "ListCost", 3, Decimal("2.4E-19"),
    )  # fmt: skip


def data_file(store: Path) -> Path:
    return next((store / "charges" / "data").rglob("*.parquet"))


def test_a_flipped_byte_is_refused(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    assert stores.verify(store).files == 1
    file = data_file(store)
    whole = file.read_bytes()
    file.chmod(0o644)
    for place in range(4, len(whole), len(whole) // 40):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(Damaged, match="not those that were written"):
            stores.verify(store)
    file.write_bytes(whole)
    stores.verify(store)


@pytest.mark.parametrize("deep", [True, False])
def test_a_missing_cut_or_foreign_file_is_named(store, tmp_path, deep):
    put(store, tmp_path, OCTOBER)
    file = data_file(store)
    foreign = file.with_name("mine.parquet")
    shutil.copy(file, foreign)
    with pytest.raises(Damaged, match=r"mine\.parquet: a file that no delivery brought"):
        stores.verify(store, deep)
    assert billed(store) == 100  # and its charges are not counted
    foreign.unlink()
    whole = file.read_bytes()
    file.unlink()
    with pytest.raises(Damaged, match=f"{file.name}: the file is missing"):
        stores.verify(store, deep)
    with pytest.raises(Damaged, match=f"{file.name}: the file is missing"):
        open_charges(store)
    file.write_bytes(whole[:-10])
    with pytest.raises(Damaged, match="bytes, not"):
        open_charges(store)


def test_a_changed_record_or_log_is_refused(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    log = store / "charges" / "_delta_log" / "00000000000000000001.json"
    text = log.read_text()
    log.write_text(text.replace('\\"rows\\":4', '\\"rows\\":5', 1))
    with pytest.raises(Damaged, match="record of version 1"):
        stores.history(store)
    log.write_text(text[: len(text) // 2])
    with pytest.raises(Damaged):
        open_charges(store)


def test_a_commit_by_another_program_is_seen(store, tmp_path):
    put(store, tmp_path, [charge("2026-09"), charge("2026-10")])
    DeltaTable(store / "charges").delete("x_KitPeriod = '2026-09'")
    with pytest.raises(Damaged, match="another program has written"):
        stores.verify(store)


def test_a_broken_file_does_not_spoil_the_process(store, tmp_path):
    put(store, tmp_path / "1", OCTOBER)
    other = tmp_path / "other"
    put(other, tmp_path / "2", [charge(cost="3")])
    file = data_file(store)
    file.chmod(0o644)
    file.write_bytes(b"\0" * file.stat().st_size)
    with pytest.raises(Damaged, match="cannot be read"):
        open_charges(store)
    with pytest.raises(Damaged, match="cannot be read"):
        stores.reconcile(store)
    assert billed(other) == 3


# --- the folder ---------------------------------------------------------------------------------------------------


def test_a_moved_store_opens(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    elsewhere = tmp_path / "other place" / "it's here"
    elsewhere.parent.mkdir()
    shutil.move(store, elsewhere)
    assert billed(elsewhere) == 100
    assert stores.verify(elsewhere).files == 1
    put(elsewhere, tmp_path, [charge("2026-11", "1")])
    assert billed(elsewhere) == 101


def test_a_newer_format_is_refused_and_left_alone(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    (store / "kit.json").write_text(json.dumps({"format": layout.FORMAT + 1}))
    for attempt in (open_charges, stores.history, stores.verify, lambda s: put(s, tmp_path, OCTOBER)):
        with pytest.raises(Refused, match="newer kit"):
            attempt(store)


def test_an_earlier_format_asks_for_the_upgrade(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    (store / "kit.json").write_text(json.dumps({"format": 0}))
    with pytest.raises(Refused, match="finops history --upgrade"):
        open_charges(store)


def test_no_store_and_empty_store_say_what_to_do(store, tmp_path):
    with pytest.raises(Refused, match=r"no store[\s\S]*finops ingest"):
        open_charges(store)
    with pytest.raises(Exception, match="4 rows were written"):  # leaves a store that holds nothing
        staged = stage(tmp_path / "x", OCTOBER)
        one = staged.slices[0]
        wrong = (type(one)(one.account, one.period, one.files, 9, one.totals),)
        stores.ingest(
            store,
            stores.Staged("aws", staged.delivered, staged.id, staged.files, wrong, (), staged.columns),
            now=NOW,
        )
    with pytest.raises(Refused, match="holds no charges"):
        open_charges(store)
    (store / "kit.json").unlink()
    with pytest.raises(Damaged, match=r"no kit\.json"):
        open_charges(store)


def test_a_folder_of_other_things_does_not_become_a_store(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(Refused, match=r"holiday\.jpg"):
        put(tmp_path, tmp_path / "s", OCTOBER)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["holiday.jpg", "s"]


def test_a_hostile_store_cannot_have_other_files_removed(store, tmp_path):
    """A store may come from somebody else; its journals and records name files, so only our own names are obeyed."""
    put(store, tmp_path, OCTOBER)
    victim = tmp_path / "data" / "mine.parquet"
    victim.parent.mkdir()
    victim.write_bytes(b"mine")
    dead = store / ".staging" / "dead"
    dead.mkdir(parents=True)
    names = ["../data/mine.parquet", str(victim), "charges/../../data/mine.parquet", "kit.json"]
    (dead / "moving.json").write_text(json.dumps(names))
    assert put(store, tmp_path, [charge("2026-11", "1")]).cleaned
    assert victim.read_bytes() == b"mine"
    assert billed(store) == 101
    log = store / "charges" / "_delta_log" / "00000000000000000001.json"
    first, *rest = log.read_text().splitlines()
    info = json.loads(first)["commitInfo"]
    info["finops"] = re.sub(r'"path":"[^"]+"', '"path":"../../data/mine.parquet"', info["finops"])
    info["finopsSha256"] = hashlib.sha256(info["finops"].encode()).hexdigest()
    log.write_text("\n".join([json.dumps({"commitInfo": info}), *rest]))
    with pytest.raises(Damaged, match="record of version 1"):
        stores.vacuum(store, date(2027, 1, 1), now=NOW)
    assert victim.read_bytes() == b"mine"


# --- the locked connection (security.md, section 7) ---------------------------------------------------------------


@pytest.fixture
def con(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    return open_charges(store).get_backend().con


@pytest.mark.parametrize(
    "statement",
    [
        "FROM read_parquet('{near}')",
        "FROM read_parquet('{file}/../../../../kit.json')",
        "FROM read_text('{store}/kit.json')",
        "FROM glob('{store}/**')",
        "FROM read_csv('/etc/passwd')",
        "COPY (SELECT 1) TO '{file}'",
        "COPY (SELECT 1) TO '{near}'",
        "COPY (SELECT 1) TO '{tmp}/out.csv'",
        "ATTACH '{tmp}/new.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "FROM 'http://127.0.0.1:9/x.parquet'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_paths = ['{near}']",
        "RESET python_enable_replacements",
        "FROM secret_frame",
    ],
)
def test_the_connection_reaches_nothing_else(con, store, tmp_path, statement):
    import duckdb
    import pandas

    secret_frame = pandas.DataFrame({"a": [1]})  # a caller's frame must not be readable by its name
    file = data_file(store)
    near = tmp_path / "near.parquet"  # a neighbour, and a link to it
    shutil.copy(file, near)
    with pytest.raises(duckdb.Error):
        con.execute(statement.format(file=file, near=near, store=store, tmp=tmp_path)).fetchall()
    assert len(secret_frame) == 1
    assert con.execute("SELECT sum(BilledCost) FROM charges").fetchone() == (Decimal(100),)


def test_a_link_out_of_the_store_is_not_followed(con, store, tmp_path):
    import duckdb

    near = tmp_path / "near.parquet"
    shutil.copy(data_file(store), near)
    link = data_file(store).with_name("link.parquet")
    link.symlink_to(near)
    with pytest.raises(duckdb.Error):
        con.execute(f"FROM read_parquet('{link}')")


def test_live_files_are_not_writable_by_those_who_only_read():
    """DuckDB lets ``COPY … (use_tmp_file false)`` write an allowed path, so the file's own mode must forbid it."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        store = Path(folder) / "store"
        put(store, Path(folder), OCTOBER)
        before = data_file(store).read_bytes()
        ours, theirs = CHILDREN.Pipe()
        process = CHILDREN.Process(target=try_to_write, args=(str(store), str(data_file(store)), theirs))
        process.start()
        theirs.close()
        assert answer(ours) == [Decimal(100), "IOException"]
        process.join(60)
        assert data_file(store).read_bytes() == before


def test_hostile_names_stay_names(tmp_path):
    place = tmp_path / "a'b; DROP VIEW charges --"
    evil = "x_'; DROP TABLE t; --\""
    put(
        place,
        tmp_path,
        [charge(account="a|b'/../\n", **{evil: "v"})],
        extra={evil: "VARCHAR"},
        source="s'|/..",
    )
    found = open_charges(place).select("BillingAccountId", evil).execute()
    assert found.iloc[0].tolist() == ["a|b'/../\n", "v"]
    assert stores.reconcile(place).exact
    assert {p.parent.name for p in (place / "charges" / "data").rglob("*.parquet")} == {"2026-09"}


@pytest.mark.parametrize("name", ["b[1]", "b*", "b 1", "b:1"])
def test_a_folder_whose_name_is_a_pattern_is_that_folder(tmp_path, name):
    put(tmp_path / "b1", tmp_path, [charge(cost="1")])
    put(tmp_path / name, tmp_path, [charge(cost="1"), charge(cost="1")])  # as a pattern it may mean b1 too
    assert str(billed(tmp_path / name)) == "2.000000000000000000"
    assert stores.reconcile(tmp_path / name).exact


@pytest.mark.parametrize("name", ["b?", "b#1", "b%201"])
def test_a_folder_that_the_delta_library_would_misread_is_refused(tmp_path, name):
    with pytest.raises(Refused, match=r"a path with . in it"):
        put(tmp_path / name, tmp_path, [charge(cost="1")])
    assert not (tmp_path / name).exists()


def test_the_command_line_can_import_the_store_at_once():
    code = (
        "import sys, helpers.data.store, helpers.data; helpers.data;"
        "print([m for m in ('pandas','duckdb','ibis','deltalake','pyarrow') if m in sys.modules])"
    )
    env = os.environ | {"PYTHONPATH": str(Path(stores.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    assert done.stdout.strip() == "[]"


def test_sources_snapshot_and_deliveries(store, tmp_path):
    put(store, tmp_path, OCTOBER)
    put(
        store,
        tmp_path,
        [charge("2026-10", "7", provider="Oracle", account="o")],
        source="oci",
        day=date(2026, 11, 2),
    )
    aws, oci = stores.sources(store)
    assert (aws.name, aws.providers, aws.periods, aws.rows, aws.deliveries) == (
        "aws",
        ("AWS",),
        ("2026-10",),
        4,
        1,
    )
    assert oci.newest == date(2026, 11, 2)
    shot = stores.snapshot(store)
    assert shot["as_of"] == "2026-11-02"
    assert json.loads(json.dumps(shot)) == shot
    assert str(tmp_path) not in json.dumps(shot)
    assert [d["source"] for d in stores.snapshot(store, date(2026, 11, 1))["deliveries"]] == ["aws"]
    frame = stores.deliveries(store)
    assert frame.source.tolist() == ["aws", "oci"]
    assert frame.BilledCost_after.tolist() == [100, 7]
    assert frame.BilledCost_before.tolist() == [0, 0]
