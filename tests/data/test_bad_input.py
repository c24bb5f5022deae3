"""What cannot be taken is refused with its place and the remedy, and never spoils what comes after."""

from __future__ import annotations

import errno
import gzip
import io
import json
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from tests.data import making
from tests.data.making import TODAY, charge, csv_text, stage, write

from helpers.data import opening, sources, versions
from helpers.terms.errors import BadInput, Refused, UsageError


def refused(paths, tmp_path: Path, **how) -> BadInput:
    """The refusal; whatever it is, it says all three things and leaves nothing behind."""
    into = tmp_path / "refused"
    into.mkdir(exist_ok=True)
    with pytest.raises(BadInput) as caught:
        stage(paths, into, **how)
    assert not list(into.iterdir())
    error = caught.value
    assert error.found
    assert error.needed
    assert error.remedy
    assert str(error).count("unpacked") == 0, "names the file as it was given"
    return error


def one(tmp_path: Path, *rows, **how) -> Path:
    return write(tmp_path / "bad.csv", list(rows), **how)


def test_no_such_file(tmp_path):
    error = refused(tmp_path / "nowhere.csv", tmp_path)
    assert (error.found, error.file) == ("no such file", str(tmp_path / "nowhere.csv"))
    assert "pattern" in refused(str(tmp_path / "*.csvx"), tmp_path).found
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty", tmp_path).found == "a folder without files"


def test_empty(tmp_path):
    path = tmp_path / "bad.csv"
    path.touch()
    assert refused(path, tmp_path).found == "an empty file"


def test_header_only(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(csv_text([charge()]).splitlines()[0] + "\n")
    error = refused(path, tmp_path)
    assert (error.found, error.file) == ("a header and no charges", str(path))


def test_header_only_among_others_is_noted(tmp_path):
    write(tmp_path / "in" / "a.csv", [charge()])
    (tmp_path / "in" / "b.csv").write_text(csv_text([charge()]).splitlines()[0])
    staged = stage(tmp_path / "in", tmp_path / "out")
    assert [f.rows for f in staged.files] == [1, 0]
    assert any("b.csv holds a header and no charges" in n for n in staged.notes)


@pytest.mark.parametrize(
    ("header", "what", "way"),
    [
        (
            "identity/LineItemId,lineItem/UsageAccountId,lineItem/UnblendedCost",
            "legacy CUR",
            "FOCUS with AWS columns",
        ),
        (
            "bill_payer_account_id,line_item_usage_account_id,line_item_unblended_cost",
            "CUR 2.0",
            "Data Exports",
        ),
        (
            "invoiceId,billingAccountId,billingCurrency,costInBillingCurrency,effectivePrice,meterCategory",
            "Microsoft Cost Management export of actual or amortized cost",
            "Cost and usage details (FOCUS)",
        ),
        (
            "billing_account_id,service,sku,usage_start_time,cost,cost_type,currency",
            "Google Cloud",
            "FOCUS usage cost",
        ),
        ("lineItem/referenceNo,lineItem/tenantId,cost/myCost,cost/currencyCode", "Oracle", "FOCUS Reports"),
        (
            "ContractCommitmentId,ContractCommitmentCost,BillingCurrency",
            "Contract Commitment",
            "leave this file out",
        ),
        ("name,age,height,colour", "its columns are name, age", "leave this file out"),
    ],
)
def test_not_focus(header, what, way, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(header + "\n" + ",".join("1" for _ in header.split(",")) + "\n")
    error = refused(path, tmp_path)
    assert what in error.found
    assert way in error.remedy
    assert error.file == str(path)


def test_missing_required_columns(tmp_path):
    row = charge()
    for name in ("ListCost", "ProviderName"):
        del row[name]
    error = refused(one(tmp_path, row), tmp_path)
    assert error.found == "no column ListCost, ProviderName or ServiceProviderName"
    assert (error.row, error.column) == (1, "ListCost")


def test_examples_of_the_specification_are_refused_naming_what_is_absent(shared, tmp_path):
    files = sorted((shared / "focus" / "spec_examples").glob("commitment*.csv"))
    assert files
    for n, file in enumerate(files):
        with pytest.raises(
            BadInput, match=r"no column .*ContractedCost, BillingAccountId, BillingCurrency, ServiceName"
        ):
            stage(file, tmp_path / str(n))


@pytest.mark.parametrize("second", ["BilledCost", "billedcost", " BilledCost"])
def test_a_column_twice(second, tmp_path):
    path = tmp_path / "bad.csv"
    lines = csv_text([charge()]).splitlines()
    path.write_text(f"{lines[0]},{second}\n{lines[1]},1\n")
    error = refused(path, tmp_path)
    assert "stands twice" in error.found
    assert error.row == 1


def test_semicolons_and_decimal_commas(tmp_path):
    error = refused(one(tmp_path, charge(BilledCost="1,5"), delimiter=";"), tmp_path)
    assert "semicolons" in error.found
    assert "decimal points" in error.remedy
    error = refused(one(tmp_path, charge(BilledCost="1,5")), tmp_path)
    assert (error.found, error.row, error.column) == ("1,5, with a decimal comma", 2, "BilledCost")


def test_utf16_and_latin1(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(csv_text([charge()]), encoding="utf-16")
    assert refused(path, tmp_path).found == "the text is UTF-16"
    path.write_text(csv_text([charge(), charge(ServiceName="Zürich")]), encoding="latin-1")
    error = refused(path, tmp_path)
    assert "0xE9 is not UTF-8" in error.found
    assert error.row == 2
    assert "WINDOWS-1252" in error.remedy


def test_latin1_in_a_header(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text(csv_text([charge(Tags=None, x_Größe="1")]), encoding="latin-1")
    error = refused(path, tmp_path)
    assert "is not UTF-8" in error.found
    assert error.row == 1


@pytest.mark.parametrize("kind", ["gz", "zst", "zip"])
def test_truncated_archives(kind, tmp_path):
    import zstandard

    raw = csv_text([charge(ResourceId=str(n)) for n in range(500)]).encode()
    path = tmp_path / f"bad.csv.{kind}"
    if kind == "gz":
        data = gzip.compress(raw)
    elif kind == "zst":
        data = zstandard.compress(raw)
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", raw)
        data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    error = refused(path, tmp_path)
    assert "cut off or damaged" in error.found
    if kind != "zip":
        flipped = bytearray(data)
        flipped[len(data) // 2] ^= 0x10
        path.write_bytes(flipped)
        assert "cut off or damaged" in refused(path, tmp_path).found


def _parquet(path: Path, rows: list[dict[str, str]], types: dict[str, str] | None = None, **how) -> Path:
    """The rows as Parquet, columns cast by DuckDB."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = write(path.with_suffix(".tmp"), rows)
    listed = ", ".join(f'nullif("{c}", \'\')::{(types or {}).get(c, "VARCHAR")} AS "{c}"' for c in rows[0])
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(
            f"COPY (SELECT {listed} FROM read_csv('{source}', all_varchar = true)) TO '{path}' (FORMAT parquet)"
        )
    source.unlink()
    return path


def test_truncated_and_damaged_parquet(tmp_path):
    path = _parquet(tmp_path / "bad.parquet", [charge(ResourceId=str(n)) for n in range(200)])
    data = path.read_bytes()
    for cut in (4, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        assert "Parquet file is cut off or damaged" in refused(path, tmp_path).found
        good = stage(write(tmp_path / "good.csv", [charge()]), tmp_path / "good")
        assert good.files[0].rows == 1, "one bad file does not spoil the process"
    path.write_bytes(b"PAR1" + csv_text([charge()]).encode())
    assert "Parquet file is cut off or damaged" in refused(path, tmp_path).found


def test_flipped_parquet_is_refused_by_checksum_and_spoils_nothing(tmp_path):
    """Without checksums 29 of 450 flips were silent; pages that carry one, and manifests, catch them all."""
    from pyarrow import parquet

    path = _parquet(tmp_path / "in" / "a.parquet", [charge(ResourceId=str(n)) for n in range(50)])
    parquet.write_table(parquet.read_table(path), path, write_page_checksum=True)
    data, caught, right = path.read_bytes(), 0, _values(stage(path, tmp_path / "right"))
    body = len(data) - int.from_bytes(data[-8:-4], "little") - 8
    for n, at in enumerate(range(40, body, body // 25)):
        flipped = bytearray(data)
        flipped[at] ^= 1 << n % 8
        path.write_bytes(flipped)
        try:  # a flip in a page's header may leave the values right
            assert _values(stage(path, tmp_path / str(n))) == right
        except BadInput:
            caught += 1
    assert caught >= 15
    path.write_bytes(data)
    assert _values(stage(path, tmp_path / "again")) == right


def _values(staged) -> list[dict]:
    return [{k: v for k, v in r.items() if k != "x_KitDelivery"} for r in making.rows(staged, "ResourceId")]


def test_ragged_rows(tmp_path):
    path = tmp_path / "bad.csv"
    lines = csv_text([charge(), charge(ServiceName="x"), charge()]).splitlines()
    for broken, count in (
        (lines[2] + ",more", len(charge()) + 1),
        (lines[2].split(",", 1)[1], len(charge()) - 1),
    ):
        path.write_text("\n".join([lines[0], lines[1], broken, lines[3]]) + "\n")
        error = refused(path, tmp_path)
        assert error.found == f"{count} values where the header has {len(charge())}"
        assert (error.file, error.row) == (str(path), 3)


@pytest.mark.parametrize("broken", ['"open', 'a"b,"c', '"closed"and more'])
def test_unbalanced_quotes(broken, tmp_path):
    path = tmp_path / "bad.csv"
    text = csv_text([charge(), charge(ResourceName="MARK"), charge()])
    path.write_text(text.replace("MARK", broken))
    error = refused(path, tmp_path)
    assert error.row == 3
    assert "quotes do not close" in error.found or "values where the header has" in error.found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("yesterday", "'yesterday' is no date and time"),
        ("2026-09-31T00:00:00Z", "is no date and time"),
        ("2026-09-03T30:00:00Z", "is no date and time"),
        ("2026-9-3", "is no date and time"),
        ("46000", "is no date and time"),
        ("2026-09-03T05:00:00 Mars/Base", "is no date and time"),
        ("infinity", "is no date and time"),
        ("0009-01-26", "is far from any bill"),
        ("9/1/26", "a spreadsheet's date"),
        ("01/09/2026 00:00", "a spreadsheet's date"),
        ("1.9.2026", "a spreadsheet's date"),
    ],
)
def test_dates_that_are_none(value, found, tmp_path):
    error = refused(one(tmp_path, charge(), charge(ChargePeriodStart=value)), tmp_path)
    assert found in error.found
    assert (error.row, error.column) == (3, "ChargePeriodStart")


def test_end_before_start(tmp_path):
    error = refused(one(tmp_path, charge(), charge(ChargePeriodEnd="2026-09-03T05:00:00+02:00")), tmp_path)
    assert "is before ChargePeriodStart 2026-09-03T04:00:00Z" in error.found
    assert (error.row, error.column) == (3, "ChargePeriodEnd")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("n/a", "'n/a' is no number"),
        ("NaN", "NaN"),
        ("-inf", "-inf"),
        ("Infinity", "Infinity"),
        ("1,000.10", "with thousands separators"),
        ("$5", "is no number"),
        ("1_0", "is no number"),
        ("0x10", "is no number"),
        ("1" * 21, "more than 20 digits"),
        ("1e30", "more than 20 digits"),
    ],
)
def test_text_in_a_number(value, found, tmp_path):
    column = "BilledCost" if len(value) % 2 else "ListUnitPrice"
    error = refused(one(tmp_path, charge(), charge(**{column: value})), tmp_path)
    assert found in error.found
    assert (error.row, error.column) == (3, column)


def test_text_in_a_cost_column_in_row_30001(tmp_path):
    short = {name: charge("1.4")[name] for name in versions.REQUIRED}
    rows = [short] * 30_000 + [short | {"EffectiveCost": "N.A."}]
    error = refused(one(tmp_path, *rows), tmp_path)
    assert (error.found, error.row, error.column) == ("'N.A.' is no number", 30_002, "EffectiveCost")


def test_no_currency(tmp_path):
    error = refused(one(tmp_path, charge(), charge(BillingCurrency=None)), tmp_path)
    assert (error.found, error.row, error.column) == ("no currency", 3, "BillingCurrency")


@pytest.mark.parametrize("column", ["BilledCost", "BillingPeriodStart", "ChargePeriodEnd", "ChargeCategory"])
def test_no_value_where_a_charge_needs_one(column, tmp_path):
    error = refused(one(tmp_path, charge(), charge(**{column: "NULL"})), tmp_path)
    assert (error.found, error.row, error.column) == ("no value", 3, column)


def test_unknown_charge_category(tmp_path):
    error = refused(one(tmp_path, charge(), charge(ChargeCategory="Refund")), tmp_path)
    assert (error.found, error.row, error.column) == ("ChargeCategory 'Refund'", 3, "ChargeCategory")
    assert "Usage, Purchase, Tax, Credit, Adjustment" in error.needed


@pytest.mark.parametrize(
    "tags", ['{"a":"b"', "team=web", '["a"]', '{"a": NaN}', '"text"', "3", '{"a":"\\ud800"}']
)
def test_broken_tags(tags, tmp_path):
    error = refused(one(tmp_path, charge(), charge(Tags=tags)), tmp_path)
    assert "cannot be read as tags" in error.found
    assert (error.row, error.column) == (3, "Tags")


def test_a_spreadsheets_mangling(tmp_path):
    error = refused(one(tmp_path, charge(), charge(SubAccountId="1.00E+05")), tmp_path)
    assert error.found == "1.00E+05 in a column of ids"
    assert "spreadsheet" in error.remedy
    assert (error.row, error.column) == (3, "SubAccountId")
    assert stage(one(tmp_path, charge(SubAccountId="team-1.00E+05")), tmp_path / "fine").files[0].rows == 1


def test_the_same_file_under_two_names(tmp_path):
    write(tmp_path / "in" / "a.csv", [charge()])
    write(tmp_path / "in" / "b.csv", [charge()])
    error = refused(tmp_path / "in", tmp_path)
    assert "the same content as" in error.found
    assert error.found.endswith("a.csv")
    assert error.file.endswith("b.csv")
    (tmp_path / "in" / "b.csv").unlink()
    (tmp_path / "in" / "c.csv.gz").write_bytes(gzip.compress((tmp_path / "in" / "a.csv").read_bytes()))
    assert refused(tmp_path / "in", tmp_path).file.endswith("c.csv.gz")
    (tmp_path / "in" / "c.csv.gz").unlink()
    twice = sources.find([tmp_path / "in", tmp_path / "in" / "a.csv"], today=TODAY)
    assert len(twice.files) == 1, "the same path twice is one file"


@pytest.mark.parametrize("name", ["notes.txt", "other.csv", "picture.png"])
def test_a_folder_with_one_foreign_file(name, tmp_path):
    write(tmp_path / "in" / "a.csv", [charge()])
    (tmp_path / "in" / name).write_bytes(b"\x89PNG\0\0\0" if name.endswith("png") else b"some,thing\n1,2\n")
    error = refused(tmp_path / "in", tmp_path)
    assert error.file.endswith(name)
    assert "not FOCUS" in error.found or "no text" in error.found


def test_one_bad_file_among_good_ones_is_named(tmp_path):
    for n in range(3):
        write(tmp_path / "in" / f"{n}.csv", [charge(ResourceId=str(n))])
    write(tmp_path / "in" / "1.csv", [charge(), charge(BilledCost="x")])
    error = refused(tmp_path / "in", tmp_path)
    assert (Path(error.file).name, error.row) == ("1.csv", 3)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"rows": 3}, "2 charges, where the manifest says 3"),
        ({"sha256": "0" * 64}, "its SHA-256 is"),
        ({"path": "b.csv"}, "the file b.csv is missing"),
    ],
)
def test_a_manifest_that_is_not_met(change, found, tmp_path):
    folder = tmp_path / "in"
    write(folder / "a.csv", [charge(), charge(ResourceId="2")])
    manifest = {
        "source": "s",
        "delivered": "2026-10-05",
        "periods": ["2026-09"],
        "files": [{"path": "a.csv"} | change],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert found in refused(folder, tmp_path).found
    manifest["files"] = [{"path": "a.csv", "rows": 2}]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert stage(folder, tmp_path / "fine").delivered == date(2026, 10, 5)
    write(folder / "extra.csv", [charge(ResourceId="3")])
    error = refused(folder, tmp_path)
    assert "does not list" in error.found
    assert error.file.endswith("extra.csv")


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"source": "s", "files": [{}]}', '{"blobs": 1}'])
def test_a_broken_manifest(text, tmp_path):
    write(tmp_path / "in" / "a.csv", [charge()])
    (tmp_path / "in" / "manifest.json").write_text(text)
    error = refused(tmp_path / "in", tmp_path)
    assert "manifest" in error.found
    assert error.file.endswith("manifest.json")


def test_parquet_that_cannot_be_read_exactly(tmp_path):
    for column, kind, value in (
        ("BilledCost", "DOUBLE", "NaN"),
        ("BillingPeriodStart", "BIGINT", "1756684800"),
        ("Tags", "BIGINT", "1"),
        ("BilledCost", "DECIMAL(38,18)", None),
        ("ChargePeriodStart", "TIMESTAMPTZ", None),
        ("ChargePeriodStart", "TIMESTAMPTZ", "1899-12-30T00:00:00Z"),
        ("ChargePeriodEnd", "TIMESTAMPTZ", "2201-01-01T00:00:00Z"),
    ):
        path = _parquet(tmp_path / "bad.parquet", [charge(**{column: value})], {column: kind})
        error = refused(path, tmp_path)
        assert (error.column, error.row) == (column, 1)


def test_source_names_and_months_are_checked(tmp_path):
    path = one(tmp_path, charge())
    with pytest.raises(UsageError, match="without"):
        sources.find(path, source="a|b", today=TODAY)
    with pytest.raises(UsageError, match="YYYY-MM"):
        sources.find(path, periods=["September"], today=TODAY)


@pytest.mark.parametrize(
    "url",
    [
        "nosuchprotocol://bucket/a.csv",
        "http://user:SECRET@127.0.0.1:1/a.csv?sig=SECRET#SECRET",
        "abfs://container/a.csv?sig=SECRET",
    ],
)
def test_messages_show_no_credentials(url, tmp_path):
    with pytest.raises(BadInput) as caught:
        sources.find(url, today=TODAY)
    assert caught.value.file.endswith("/a.csv")
    assert "SECRET" not in str(caught.value)


def test_names_show_no_credentials():
    one = opening.Given(
        opening.shown("https://u:SECRET@h/x/a.csv?sig=SECRET"),
        "https://u:SECRET@h/x/a.csv?sig=SECRET",
        "https://u:SECRET@h/x",
    )
    assert (one.name, one.base, one.relative) == ("https://h/x/a.csv", "a.csv", "a.csv")


def test_line_ends_of_two_kinds(tmp_path):
    path = tmp_path / "bad.csv"
    lines = csv_text([charge(), charge(), charge()]).splitlines()
    path.write_bytes("\r\n".join(lines[:3]).encode() + b"\n" + lines[3].encode() + b"\n")
    error = refused(path, tmp_path)
    assert (error.found, error.row) == ("line ends of two kinds, \\r\\n and \\n", 3)
    path.write_bytes(("\r".join(lines) + "\r").encode())
    assert stage(path, tmp_path / "mac").files[0].rows == 3


def test_a_full_disk_while_reading(tmp_path, monkeypatch):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(csv_text([charge()]).encode()))

    class Full(io.FileIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    opened = Path.open
    monkeypatch.setattr(
        Path, "open", lambda p, mode="r", *a, **k: Full(p, mode) if "w" in mode else opened(p, mode, *a, **k)
    )
    with pytest.raises(Refused, match="the disk is full"):
        stage(path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_money_survives_the_refusals(tmp_path):
    assert making.billed(
        stage(one(tmp_path, charge(BilledCost="0.1"), charge(BilledCost="0.2")), tmp_path / "o")
    ) == Decimal("0.3")
