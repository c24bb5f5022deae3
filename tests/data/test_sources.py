"""What a delivery consists of, and that its rows and totals are the same however it is cut, packed and named."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import zipfile
from datetime import date
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data import making
from tests.data.making import TODAY, charge, csv_text, stage, write

from helpers.data import manifests, opening, sources
from helpers.data.layout import stored_columns
from helpers.data.store import ingest, reconcile
from helpers.terms.errors import BadInput, NotReconciled

SAMPLE = {
    "AWS": Decimal("18.00663861840"),
    "Microsoft": Decimal("1.97651418586"),
    "Oracle": Decimal("0.53707392473"),
}


def test_the_real_sample_gives_exact_totals(shared, tmp_path):
    staged = stage(shared / "focus" / "focus_1.0_four_providers_sample.csv", tmp_path)
    found: dict[str, Decimal] = {}
    for one in staged.slices:
        for (provider, currency), costs in one.totals.items():
            assert currency == "USD"
            found[provider] = found.get(provider, Decimal(0)) + costs["BilledCost"]
    assert found == SAMPLE
    assert sum(s.rows for s in staged.slices) == 1000
    assert any(n.startswith("ChargeFrequency of 7 charges was spelt Usage-based") for n in staged.notes)
    assert any("unknown columns kept in x_KitOther: Id" in n for n in staged.notes)
    assert len({r["x_KitOther"]["Id"] for r in making.rows(staged)}) == 1000


@pytest.mark.parametrize(
    ("name", "version"),
    [("aws_1_2", "1.2"), ("gcp_1_2", "1.2"), ("azure_1_3", "1.3")],
)
def test_files_of_1_2_and_1_3_stage(name, version, shared, tmp_path):
    path = shared / "focus" / f"{name}_cost_and_usage_rows100_seed42.csv"
    staged = stage(path, tmp_path)
    with path.open(newline="", encoding="utf-8") as lines:
        truth = sum(Decimal(r["BilledCost"]) for r in csv.DictReader(lines))
    assert (staged.files[0].version, staged.files[0].rows, making.billed(staged)) == (version, 100, truth)


def test_what_stage_hands_over(tmp_path):
    charges = [
        charge(
            BillingAccountId=a, BillingPeriodStart=f"{m}-01", ProviderName=p, BillingCurrency=c, BilledCost=n
        )
        for n, (a, m, p, c) in enumerate(
            (a, m, p, c)
            for a in ("1", "2")
            for m in ("2026-08", "2026-09")
            for p in ("A", "B")
            for c in ("EUR", "USD")
        )
    ]
    staged = stage(write(tmp_path / "export" / "a.csv", charges), tmp_path / "out")
    assert (staged.source, staged.delivered, staged.declared) == ("export", TODAY, ())
    assert [(s.account, s.period, s.rows) for s in staged.slices] == [
        (a, m, 4) for a in ("1", "2") for m in ("2026-08", "2026-09")
    ]
    assert making.totals(staged)["B", "EUR", "1", "2026-08"][:2] == (1, Decimal(2))
    for one in staged.slices:
        for row in making.rows(staged.__class__(**vars(staged) | {"slices": (one,)})):
            assert (row["BillingAccountId"], row["x_KitPeriod"]) == (one.account, one.period)
            assert row["x_KitSlice"] == f"export|{one.account}|{one.period}"
            assert (row["x_KitSource"], row["x_KitDelivery"], row["x_KitFile"]) == (
                "export",
                staged.id,
                "a.csv",
            )
    with duckdb.connect() as con:
        file = staged.slices[0].files[0]
        types = {r[0]: r[1] for r in con.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()}
    assert types == staged.columns == stored_columns()
    outcome = ingest(tmp_path / "store", staged, now=making.NOW)
    assert outcome.done == "committed"
    assert reconcile(tmp_path / "store").exact
    assert not list((tmp_path / "out").rglob("unpacked"))


ACCOUNTS = [
    "",
    "a/b",
    "../up",
    "x" * 400,
    "q'\"q",
    "naïve é",
    "a=b&c%2F",
    "1",
    "__HIVE_DEFAULT_PARTITION__",
    "nul",
]


def test_any_account_makes_a_slice(tmp_path):
    staged = stage(
        write(tmp_path / "a.csv", [charge(BillingAccountId=a) for a in ACCOUNTS]), tmp_path / "out"
    )
    assert sorted(s.account for s in staged.slices) == sorted(ACCOUNTS)
    assert all(s.rows == 1 for s in staged.slices)


def _zip(raw: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("in/", "")
        archive.writestr("in/a.csv", raw)
    return out.getvalue()


def _zst(raw: bytes) -> bytes:
    import zstandard

    half = len(raw) // 2
    return zstandard.compress(raw[:half]) + zstandard.compress(raw[half:])


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.csv", lambda raw: raw),
        ("a.csv.gz", lambda raw: gzip.compress(raw[:99]) + gzip.compress(raw[99:])),
        ("a.csv.zst", _zst),
        ("a.zip", _zip),
        ("without-ending", lambda raw: raw),
        ("bom.csv", lambda raw: b"\xef\xbb\xbf" + raw),
        ("crlf.csv", lambda raw: raw.replace(b"\n", b"\r\n")),
        ("blank.csv", lambda raw: raw.replace(b"\n", b"\n\n") + b"\n\n"),
        ("no-end.csv", lambda raw: raw.rstrip(b"\n")),
        (
            "quoted.csv",
            lambda raw: (
                b"\n".join(
                    b",".join(b'"%s"' % c for c in line.split(b",")) for line in raw.split(b"\n") if line
                )
                + b"\n"
            ),
        ),
    ],
)
def test_however_it_is_packed(name, pack, tmp_path):
    charges = [charge(ResourceId=str(n), BilledCost=n, Tags=None, SkuPriceDetails=None) for n in range(20)]
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_bytes(pack(csv_text(charges).encode()))
    staged = stage(path, tmp_path / "out")
    assert (staged.files[0].rows, making.billed(staged)) == (20, 190)
    assert staged.files[0].bytes in (path.stat().st_size, len(csv_text(charges)))
    assert staged.source == "in"


def test_line_ends_and_quotes_inside_values_are_counted_right(tmp_path):
    odd = ["a\nb", 'say "x"', "a\r\nb", '"', '""\n""', "\n", "x,y", "é\nü"]
    charges = [charge(ResourceName=o, ChargeDescription=f"{n:02d}") for n, o in enumerate(odd)] * 1
    staged = stage(write(tmp_path / "a.csv", charges), tmp_path / "out")
    assert [r["ResourceName"] for r in making.rows(staged)] == odd


def test_folders_globs_and_hidden_files(tmp_path):
    for n, place in enumerate(("in/a.csv", "in/deep/b.csv", "in/deep/c.csv")):
        write(tmp_path / place, [charge(BilledCost=2**n)])
    (tmp_path / "in" / "_SUCCESS").touch()
    (tmp_path / "in" / ".a.csv.crc").write_bytes(b"\0")
    assert making.billed(stage(tmp_path / "in", tmp_path / "1")) == 7
    assert making.billed(stage(str(tmp_path / "in" / "**" / "*.csv"), tmp_path / "2")) == 7
    assert (
        making.billed(stage([tmp_path / "in" / "deep", str(tmp_path / "in" / "a.csv")], tmp_path / "3")) == 7
    )
    staged = stage(str(tmp_path / "in" / "deep" / "[c]*"), tmp_path / "4")
    assert (making.billed(staged), staged.source) == (4, "deep")


@pytest.mark.parametrize(
    ("place", "source", "declared"),
    [
        ("exports/larkspur/data/BILLING_PERIOD=2026-09", "larkspur", ("2026-09",)),
        ("exports/azure/20260901-20260930", "azure", ("2026-09",)),
        ("exports/azure/20260901-20261031", "azure", ()),
        ("oracle/2026/09", "oracle", ()),
        ("plain", "plain", ()),
    ],
)
def test_names_and_months_of_folders(place, source, declared, tmp_path):
    write(tmp_path / place / "a.csv", [charge()])
    found = sources.find(tmp_path / place, today=TODAY)
    assert (found.source, found.declared) == (source, declared)
    one = sources.find(tmp_path / place / "a.csv", today=TODAY)
    assert (one.source, one.declared) == (source, ()), "one file does not say that the month is whole"
    assert sources.find(tmp_path / place, source="mine", periods=["2025-01"], today=TODAY).source == "mine"
    assert "2025-01" in sources.find(tmp_path / place, periods=["2025-01"], today=TODAY).declared


def test_a_folder_of_months_says_them_all(tmp_path):
    for n in (8, 9):
        write(tmp_path / "e" / "data" / f"BILLING_PERIOD=2026-0{n}" / "a.csv", [charge(ResourceId=n)])
    assert sources.find(tmp_path / "e", today=TODAY).declared == ("2026-08", "2026-09")
    assert sources.find(str(tmp_path / "e" / "data" / "*"), today=TODAY).declared == ()


def test_manifest_of_microsoft(tmp_path):
    folder = tmp_path / "focus-export" / "20260901-20260930" / "0a1b2c3d-0000-4a00-9000-000000000001"
    for n in range(2):
        write(folder / f"part_{n}_0001.csv", [charge(ResourceId=n), charge(ResourceId=n + 10)])
    prefix = "dir/focus-export/20260901-20260930/0a1b2c3d-0000-4a00-9000-000000000001"
    manifest = {
        "manifestVersion": "2024-04-01",
        "blobCount": 2,
        "dataRowCount": 4,
        "exportConfig": {"exportName": "focus-cost", "dataVersion": "1.2-preview", "type": "FocusCost"},
        "runInfo": {
            "executionType": "Scheduled",
            "submittedTime": "2026-10-05T09:00:12.1234567Z",
            "startDate": "2026-09-01T00:00:00",
            "endDate": "2026-09-30T00:00:00",
        },
        "blobs": [
            {"blobName": f"{prefix}/part_{n}_0001.csv", "byteCount": 1, "dataRowCount": 2} for n in range(2)
        ],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for place in (folder, folder / "manifest.json", str(folder / "*")):
        found = sources.find(place, today=TODAY)
        assert (found.source, found.delivered, found.declared) == (
            "focus-cost",
            date(2026, 10, 5),
            ("2026-09",),
        )
        assert (found.rows, found.version, len(found.files)) == (4, "1.2", 2)
    assert sum(f.rows for f in stage(folder, tmp_path / "out").files) == 4
    manifest["dataRowCount"] = 5
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match="4 charges in all files, where the manifest says 5"):
        stage(folder, tmp_path / "out2")
    (folder / "part_1_0001.csv").unlink()
    with pytest.raises(BadInput, match=r"part_1_0001.csv is missing"):
        sources.find(folder, today=TODAY)


def test_manifest_of_aws(tmp_path):
    root = tmp_path / "prefix" / "larkspur"
    data = root / "data" / "BILLING_PERIOD=2026-09"
    meta = root / "metadata" / "BILLING_PERIOD=2026-09"
    write(data / "larkspur-00001.csv", [charge()])
    meta.mkdir(parents=True)
    manifest = {
        "exportArn": "arn:aws:bcm-data-exports:us-east-1:1:export/larkspur",
        "dataFiles": ["s3://bucket/prefix/larkspur/data/BILLING_PERIOD=2026-09/larkspur-00001.csv"],
    }
    (meta / "larkspur-Manifest.json").write_text(json.dumps(manifest))
    for place in (data, root):
        found = sources.find(place, today=TODAY)
        assert (found.source, found.declared, len(found.files)) == ("larkspur", ("2026-09",), 1)
    manifest["dataFiles"].append(manifest["dataFiles"][0].replace("00001", "00002"))
    (meta / "larkspur-Manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput, match=r"incomplete: the file .*larkspur-00002.csv is missing"):
        sources.find(data, today=TODAY)


def test_manifests_of_two_exports_are_refused(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name / f"{name}.csv", [charge(ResourceId=name)])
        said = {"source": name, "files": [{"path": f"{name}.csv"}]}
        (tmp_path / name / "manifest.json").write_text(json.dumps(said))
    with pytest.raises(BadInput, match="manifests of several exports: a, b"):
        sources.find([tmp_path / "a", tmp_path / "b"], today=TODAY)
    assert sources.find([tmp_path / "a", tmp_path / "b"], source="all", today=TODAY).source == "all"


def test_months_of_a_run():
    def months(start, end):
        return list(manifests._months(start, end))

    assert months("2026-08-01", "2026-10-05") == ["2026-08", "2026-09", "2026-10"]
    assert months("2026-08-15T00:00:00", "2026-09-30") == ["2026-09"]
    assert months("2026-12-01", "2027-01-31") == ["2026-12", "2027-01"]


def test_companion_tables_are_told_apart(tmp_path):
    write(tmp_path / "in" / "a.csv", [charge()])
    (tmp_path / "in" / "owners.csv").write_text(
        "match_on,match_value,owner,department\ntag:team,web,Ann,Web\n"
    )
    found = sources.find(tmp_path / "in", today=TODAY)
    assert [(t, g.base) for t, g in found.companions] == [("allocation", "owners.csv")]
    assert [g.base for g in found.files] == ["a.csv"]
    assert sources.header(tmp_path / "in" / "owners.csv") == [
        "match_on",
        "match_value",
        "owner",
        "department",
    ]


def test_the_same_delivery_has_the_same_id_whatever_its_names(tmp_path):
    for n in range(2):
        write(tmp_path / "1" / f"{n}.csv", [charge(ResourceId=n)])
        write(tmp_path / "2" / f"{9 - n}.csv", [charge(ResourceId=n)])
    one, two = (stage(tmp_path / d, tmp_path / f"out{d}", source="s") for d in "12")
    assert one.id == two.id
    assert stage(tmp_path / "1", tmp_path / "out3", source="t").id != one.id


def test_progress_is_told(tmp_path):
    told = []
    path = write(tmp_path / "a.csv", [charge(ResourceId=n) for n in range(2000)])
    stage(path, tmp_path / "out", progress=lambda *now: told.append(now))
    done, total, rows = told[-1]
    assert (done, total, rows) == (path.stat().st_size, path.stat().st_size, 2000)
    assert [t[0] for t in told] == sorted(t[0] for t in told)


def test_a_row_lost_by_the_engine_is_seen(tmp_path, monkeypatch):
    texts = sources._texts
    monkeypatch.setattr(sources, "_texts", lambda *a: f"SELECT * FROM ({texts(*a)}) LIMIT 4")
    with pytest.raises(NotReconciled, match="4 charges were written of 5 in the file"):
        stage(write(tmp_path / "a.csv", [charge(ResourceId=n) for n in range(5)]), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


# --- any split gives the same ---------------------------------------------------------------------------------------

MANY = [
    charge(
        "1.2",
        ChargeDescription=f"{n:03d}",
        BilledCost=f"{n * 37 % 101 - 50}.{n:012d}",
        EffectiveCost="2.7755575615628914E-17" if n % 5 == 0 else f"0.{n:018d}",
        BillingAccountId=str(n % 2),
        BillingPeriodStart=f"2026-{8 + n % 3:02d}-01T00:00:00Z",
        x_Own=f"own {n}",
    )
    for n in range(24)
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    tmp = tmp_path_factory.mktemp("whole")
    return stage(write(tmp / "a.csv", MANY), tmp / "out", source="s")


def _comparable(staged):
    rows = [
        {k: v for k, v in r.items() if k not in ("x_KitFile", "x_KitDelivery")} for r in making.rows(staged)
    ]
    return making.totals(staged), {(s.account, s.period): s.residue for s in staged.slices}, rows


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_split_of_files_rows_and_columns_gives_the_same(whole, tmp_path, data):
    rows = data.draw(st.permutations(MANY))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(rows) - 1), max_size=4)))
    shutil.rmtree(tmp_path, ignore_errors=True)
    for n, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(rows)], strict=True)):
        header = data.draw(st.permutations(list(rows[0])))
        write(tmp_path / "in" / f"{n}.csv", rows[start:end], header)
    assert _comparable(stage(tmp_path / "in", tmp_path / "out", source="s")) == _comparable(whole)


# --- Parquet --------------------------------------------------------------------------------------------------------


def test_parquets_decimals_finer_than_the_stores_leave_their_rest(tmp_path):
    """DECIMAL(38,18) is taken as it is, DECIMAL(38,20) by way of its text, so that nothing of it is lost."""
    source, path = write(tmp_path / "t.csv", [charge(BilledCost="1", ListCost="1.5")]), tmp_path / "a.parquet"
    with duckdb.connect() as con:
        con.execute(
            "COPY (SELECT * REPLACE ('-12345.123456789012345678'::DECIMAL(38,18) AS BilledCost, "
            f"'1.12345678901234567850'::DECIMAL(38,20) AS ListCost) FROM read_csv('{source}', all_varchar = true, nullstr = '')) "
            f"TO '{path}' (FORMAT parquet)"
        )
    (row,) = making.rows(stage(path, tmp_path / "out"))
    assert row["BilledCost"] == Decimal("-12345.123456789012345678")
    assert row["ListCost"] == Decimal("1.123456789012345678")  # half to even
    assert row["x_KitExact"] == {"ListCost": "1.12345678901234567850"}


@pytest.mark.parametrize("kind", ["text", "typed", "float", "arrow", "struct", "list"])
def test_parquet_of_any_types_gives_the_same(kind, tmp_path):
    charges = [
        charge(
            ChargeDescription=str(n), BilledCost=f"{n}.25", EffectiveCost="0.1", ListCost="1e-20" if kind == "text" else "2",
            x_Own=n, Tags='{"a":"b","c":"d"}', Id=n,
        )
        for n in range(3)
    ]  # fmt: skip
    casts = {}
    if kind != "text":
        money = {"typed": "DECIMAL(20,6)", "float": "DOUBLE"}.get(kind, "DECIMAL(38,18)")
        casts = dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), money)
        time = {"typed": "TIMESTAMP", "float": "TIMESTAMP_NS", "struct": "TIMESTAMP_S"}.get(
            kind, "TIMESTAMPTZ"
        )
        casts |= dict.fromkeys(("ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodEnd"), time)
        casts |= {"BillingPeriodStart": "DATE", "x_Own": "BIGINT", "Id": "INTEGER"}
    tags = {
        "typed": "Tags::JSON::MAP(VARCHAR, VARCHAR)",
        "arrow": "Tags::JSON::MAP(VARCHAR, VARCHAR)",
        "struct": "{'a': 'b', 'c': 'd'}",
        "list": "[{'key': 'a', 'value': 'b'}, {'key': 'c', 'value': 'd'}]",
    }.get(kind, "Tags")
    source, path = write(tmp_path / "t.csv", charges), tmp_path / "in" / "a.parquet"
    path.parent.mkdir()
    cells = ", ".join(
        f'nullif("{c}", \'\')::{casts.get(c, "VARCHAR")} AS "{c}"' for c in charges[0] if c != "Tags"
    )
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute(
            f"COPY (SELECT {cells}, {tags} AS Tags FROM read_csv('{source}', all_varchar = true)) TO '{path}' (FORMAT parquet)"
        )
    staged = stage(path, tmp_path / "out")
    plain = stage(source, tmp_path / "plain")
    ignored = ("x_KitFile", "x_KitDelivery", "x_KitSource", "x_KitSlice", "x_KitAllocationKey")
    rows = making.rows(staged)
    if kind == "list":  # a list is not the specification's form, so its text is kept too
        assert all("Tags" in r["x_KitOther"] for r in rows)
        rows = [r | {"x_KitOther": {"Id": r["x_KitOther"]["Id"]}} for r in rows]
    assert [{k: v for k, v in r.items() if k not in ignored} for r in rows] == [
        {k: v for k, v in r.items() if k not in ignored} for r in making.rows(plain)
    ]
    assert staged.files[0].rows == 3


# --- object stores --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket():
    boto3 = pytest.importorskip("boto3")
    pytest.importorskip("s3fs")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys)
    client.create_bucket(Bucket="bills")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        yield client
    server.stop()


def test_s3(bucket, tmp_path):
    raw = csv_text([charge(ResourceId=n) for n in range(3)]).encode()
    base = "focus/larkspur"
    for n in (1, 2):
        text = gzip.compress(raw.replace(b"ServiceName of", b"S%d of" % n))
        bucket.put_object(Bucket="bills", Key=f"{base}/data/BILLING_PERIOD=2026-09/l-{n}.csv.gz", Body=text)
    said = {"dataFiles": [f"s3://bills/{base}/data/BILLING_PERIOD=2026-09/l-{n}.csv.gz" for n in (1, 2)]}
    bucket.put_object(
        Bucket="bills",
        Key=f"{base}/metadata/BILLING_PERIOD=2026-09/larkspur-Manifest.json",
        Body=json.dumps(said),
    )
    for place in (f"s3://bills/{base}/data/BILLING_PERIOD=2026-09/", f"s3://bills/{base}"):
        found = sources.find(place, today=TODAY)
        assert (found.source, found.declared, len(found.files)) == ("larkspur", ("2026-09",), 2)
    staged = sources.stage(found, tmp_path)
    assert [f.rows for f in staged.files] == [3, 3]
    assert staged.files[0].name == f"s3://bills/{base}/data/BILLING_PERIOD=2026-09/l-1.csv.gz"
    assert len(sources.find(f"s3://bills/{base}/data/*/l-2*", today=TODAY).files) == 1
    with pytest.raises(BadInput, match="no such file"):
        sources.find("s3://bills/nowhere.csv", today=TODAY)
    with pytest.raises(BadInput) as caught:
        sources.find("s3://no-such-bucket/x", today=TODAY)
    assert "test" not in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch):
    import fsspec

    def missing(url):
        raise ImportError("Install gcsfs to access Google Storage")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(BadInput, match=r"pip install 'finops-playbook-kit\[gcs\]'"):
        sources.find("gs://bucket/x", today=TODAY)


def test_counting_is_the_same_in_any_pieces():
    text = b'a,b\n"x\ny",1\n"q""q",2\n\n"",\n3,4'
    for size in range(1, len(text) + 1):
        lines = opening._Lines()
        for start in range(0, len(text), size):
            lines.add(text[start : start + size])
        assert lines.lines == 6


ODD_NAMES = [
    'x_a"b',
    "x_'); DROP TABLE t; --",
    "it's",
    "x_{}",
    "x_é ü",
    "x_" + "n" * 300,
    "c0",
    "filename",
    "kit_part",
    "t_Tags",
    "o_BilledCost",
    "x_KitSource",
    "hash",
    "select",
]


def test_any_name_and_value_passes_unharmed(tmp_path):
    values = [
        "'; DROP",
        '"',
        "\\",
        "../../etc",
        "a|b",
        "{}",
        "%s",
        "\u202e",
        "=1+1",
        "\t",
        "nul\0byte",
        " NULL ",
        "é",
    ]
    row = (
        charge()
        | {name: values[n % len(values)] for n, name in enumerate(ODD_NAMES)}
        | {"ResourceName": values[2]}
    )
    rows = [row | {"ServiceName": v} for v in values]
    staged = stage(write(tmp_path / 'it\'s [odd] "100%"' / "a*[1]?'.csv", rows), tmp_path / "out [1]")
    found = making.rows(staged)
    assert {r["ServiceName"] for r in found} == set(values)
    for name in ODD_NAMES:
        if name.startswith("x_") and not name.startswith("x_Kit"):
            assert {r[name] for r in found} == {row[name]}
        else:
            assert {r["x_KitOther"][name] for r in found} == {row[name]}
    assert {r["x_KitFile"] for r in found} == {"a*[1]?'.csv"}
    assert {r["x_KitSource"] for r in found} == {'it\'s [odd] "100%"'}


def test_a_name_that_is_a_pattern_is_that_file_only(tmp_path):
    write(tmp_path / "in" / "a1.csv", [charge(BilledCost=1)])
    odd = write(tmp_path / "in" / "a[1].csv", [charge(BilledCost=2)])
    assert making.billed(stage(odd, tmp_path / "1")) == 2
    assert making.billed(stage(tmp_path / "in", tmp_path / "2")) == 3
