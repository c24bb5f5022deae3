"""A pinned store is read as it was; what runs share is what each would have read, or is not used."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime

import pytest

from helpers.data import delta, integrity, open_charges, shared, store
from helpers.terms.errors import Damaged

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture(scope="module")
def filled(larkspur, tmp_path_factory):
    """A copy of the store."""
    folder = tmp_path_factory.mktemp("shared") / "store"
    shutil.copytree(larkspur, folder)
    return folder


@pytest.fixture
def own(filled, tmp_path):
    shutil.copytree(filled, tmp_path / "store")
    yield tmp_path / "store"
    delta.unpin(tmp_path / "store")
    shared._USED.clear()
    shared._THREADS.clear()


def deliver(folder, text="team,owner\nx,y\n"):
    """Another companion table."""
    import pyarrow

    store.write_table(folder, "extra", pyarrow.table({"a": [text]}), date(2026, 11, 1), {}, now=NOW)


def test_a_pinned_store_is_read_as_it_was(own):
    before = store.snapshot(own)
    pin = delta.pin(own)
    deliver(own)
    assert store.snapshot(own) == before
    assert store.read_table(own, "extra") is None
    assert "extra" not in store.table_names(own)
    assert integrity.verify(own).files
    delta.confirm()
    delta.unpin(own)
    assert store.snapshot(own) != before
    assert "extra" in store.table_names(own)
    delta.pin(own, pin)  # the same state again, as another process would
    assert store.snapshot(own) == before


def test_a_store_exchanged_under_a_pin_is_noticed(own, filled, tmp_path):
    delta.pin(own)
    store.snapshot(own)
    other = tmp_path / "other"
    shutil.copytree(filled, other)
    shutil.rmtree(other / "companions/extra", ignore_errors=True)
    shutil.rmtree(other / "companions/teams")
    deliver(other)
    shutil.move(own, tmp_path / "away")
    shutil.move(other, own)
    with pytest.raises(Damaged, match="the store was replaced while it was read"):
        delta.confirm()
    shutil.rmtree(own)
    with pytest.raises(Damaged, match="the store was replaced while it was read"):
        delta.confirm()


@pytest.fixture(scope="module")
def prepared(filled, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    delta.pin(filled)
    yield shared.prepare(filled, None, folder)
    delta.unpin(filled)


@pytest.fixture
def used(prepared):
    shared.use(prepared, 1)
    yield json.loads(prepared.read_text())
    shared._USED.clear()
    shared._THREADS.clear()


def lines(charges):
    """Number of rows and a mark of all their texts, whatever their order: a join has none."""
    con = charges.get_backend().con
    return con.execute("SELECT count(*), sum(md5_number_lower(t::VARCHAR)::HUGEINT) FROM joined t").fetchall()


def test_shared_charges_are_those_of_the_store_row_by_row(filled, prepared):
    live = open_charges(filled)
    schema, rows = live.schema(), lines(live)
    shared.use(prepared)
    try:
        ready = open_charges(filled)
        assert ready.schema() == schema
        assert lines(ready) == rows
        assert rows[0][0] > 1000
    finally:
        shared._USED.clear()


def test_each_run_still_reconciles_the_file_that_it_reads(filled, used, monkeypatch):
    whole = integrity.reconcile(filled)
    assert whole.exact and whole.rows > 1000
    seen = []
    real = integrity.listed
    monkeypatch.setattr(integrity, "listed", lambda files: seen.extend(files) or real(files))
    assert integrity.reconcile(filled) == whole
    assert [str(f) for f in seen] == [used["charges"]]


def test_another_day_or_store_reads_the_store_itself(filled, used, own):
    assert shared.charges(filled, None) is not None
    assert shared.charges(filled, date(2026, 9, 5)) is None
    assert shared.charges(own, None) is None


def test_a_changed_copy_is_not_used(filled, used, prepared, tmp_path):
    (tmp_path / "charges.parquet").write_bytes(b"x")
    shared._USED[filled.resolve()]["charges"] = str(tmp_path / "charges.parquet")
    assert shared.charges(filled, None) is None


def test_checksums_are_not_compared_again_until_a_file_is_touched(own, tmp_path, monkeypatch):
    folder = tmp_path / "prepared"
    folder.mkdir()
    delta.pin(own)
    shared.use(shared.prepare(own, None, folder))
    hashed = []
    real = delta.file_hash
    monkeypatch.setattr(delta, "file_hash", lambda f: hashed.append(f) or real(f))
    integrity.verify(own, deep=True)
    assert hashed == []
    file = next((own / "charges").rglob("*.parquet"))
    flipped = bytearray(file.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(flipped)
    with pytest.raises(Damaged, match="not those that were written"):
        integrity.verify(own, deep=True)
    assert hashed


def test_a_damaged_store_is_not_prepared(own, tmp_path):
    file = next((own / "charges").rglob("*.parquet"))
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(Damaged):
        shared.prepare(own, None, tmp_path)
