"""Hourly use: five kinds of export become the same hours, what is doubtful is refused or counted, the store keeps it whole."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from helpers.__main__ import main
from helpers.data import measured, monitors, sources, store, usage
from helpers.terms.errors import BadInput, Damaged, KitError, Refused, UsageError

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
TODAY = NOW.date()
TEN = datetime(2026, 10, 5, 10, tzinfo=UTC)
HEAD = "resource_id,metric,unit,start,average,maximum,samples\n"


def stage(path: Path | list[Path], scratch: Path):
    paths = path if isinstance(path, list) else [path]
    delivery = sources.find([str(p) for p in paths], today=NOW.date())
    assert not delivery.files and delivery.usage
    scratch.mkdir(exist_ok=True, parents=True)
    return measured.stage(delivery.usage, scratch)


def hours(path, tmp_path: Path) -> list[tuple]:
    found = stage(path, tmp_path / "scratch")
    return [tuple(r.values()) for f in found.months.values() for r in parquet.read_table(f).to_pylist()]


def csv(tmp_path: Path, *rows: str, head: str = HEAD, name: str = "use.csv") -> Path:
    path = tmp_path / name
    path.write_text(head + "".join(r + "\n" for r in rows), encoding="utf-8")
    return path


def document(tmp_path: Path, content: object, name: str = "answer.json") -> Path:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def refused(path, tmp_path: Path) -> BadInput:
    with pytest.raises(BadInput) as told:
        stage(path, tmp_path / "scratch")
    assert told.value.found and told.value.needed and told.value.remedy and told.value.file
    return told.value


# --- the kit's own form ---------------------------------------------------------------------------------------------


def test_samples_become_the_hour(tmp_path):
    path = csv(
        tmp_path,
        "m,cpu,%,2026-10-05T10:00:00Z,10,30,1",
        "m,cpu,%,2026-10-05T12:30:00+02:00,40,50,3",  # half past ten in UTC
        "m,cpu,%,2026-10-05T11:00:00Z,7.25,,",
    )
    assert hours(path, tmp_path) == [
        ("m", "cpu", "%", TEN, 32.5, 50.0, 4),
        ("m", "cpu", "%", TEN + timedelta(hours=1), 7.25, 7.25, 1),
    ]


def test_semicolons_and_parquet_read_like_csv(tmp_path):
    one = csv(tmp_path, "m;network_in;bytes;2026-10-05 10:00:00Z;5;9;2", head=HEAD.replace(",", ";"))
    table = pa.table(
        {
            "resource_id": ["m"],
            "metric": ["network_in"],
            "unit": ["bytes"],
            "start": pa.array([TEN], pa.timestamp("ms", "Europe/Berlin")),
            "average": pa.array([5], pa.int32()),
            "maximum": [9.0],
            "samples": [2],
        }
    )
    two = tmp_path / "use.parquet"
    parquet.write_table(table, two)
    assert (
        hours(one, tmp_path / "1")
        == hours(two, tmp_path / "2")
        == [("m", "network_in", "bytes", TEN, 5.0, 9.0, 2)]
    )


@pytest.mark.parametrize(
    ("row", "column", "found", "needed"),
    [
        ("m,cpu,%,2026-10-05T10:00:00Z,-1,,", "average", "-1", "from 0 on"),
        ("m,cpu,%,2026-10-05T10:00:00Z,250,,", "average", "250", "at most 100 %"),
        ("m,cpu,%,2026-10-05T10:00:00Z,50,180,", "maximum", "180", "at most 100 %"),
        ("m,cpu,%,2026-10-05T10:00:00Z,50,20,", "maximum", "20", "not below the average"),
        ("m,cpu,%,2026-10-05T10:00:00Z,inf,,", "average", "inf", "from 0 on"),
        ("m,cpu,%,2026-10-05T10:00:00Z,ten,,", "average", "ten", "a number"),
        ('m,cpu,%,2026-10-05T10:00:00Z,"12,5",,', "average", "12,5", "a number with a point"),
        ("m,cpu,%,2026-10-05T10:00:00Z,12,,many", "samples", "many", "a number"),
        ("m,cpu,%,2026-10-05T10:00:00Z,12,,0", "samples", "0", "above zero"),
        ("m,cpu,ratio,2026-10-05T10:00:00Z,0.5,,", "unit", "ratio", "% for cpu"),
        ("m,network_in,MB,2026-10-05T10:00:00Z,5,,", "unit", "MB", "bytes for network"),
        ("m,gpu,%,2026-10-05T10:00:00Z,5,,", "metric", "gpu", "cpu or memory"),
        (",cpu,%,2026-10-05T10:00:00Z,5,,", "resource_id", "empty", "the id"),
        (
            "m,cpu,%,2026-10-25T02:30:00,5,,",
            "start",
            "2026-10-25T02:30:00",
            "with its zone",
        ),  # twice that night
        ("m,cpu,%,25.10.2026 02:30,5,,", "start", "25.10.2026", "with its zone"),
        ("m,cpu,%,2026-13-25T02:30:00Z,5,,", "start", "2026-13-25", "with its zone"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_place(tmp_path, row, column, found, needed):
    told = refused(csv(tmp_path, "m,cpu,%,2026-10-05T09:00:00Z,1,,", row), tmp_path)
    assert (told.row, told.column) == (3, column)
    assert told.file and told.file.endswith("use.csv")
    assert found in told.found and needed in told.needed


def test_what_is_doubtful_but_harmless_is_counted(tmp_path):
    path = csv(
        tmp_path,
        "m,cpu,%,2026-10-05T10:00:00Z,NaN,,",
        "m,cpu,%,2026-10-05T11:00:00Z,,,",
        "m,cpu,%,2026-10-05T12:00:00Z,100.4,100.9,1",
        "m,cpu,%,2026-10-05T13:00:00Z,5,6,1",
        "m,cpu,%,2026-10-05T13:00:00Z,5,6,1",
    )
    found = stage(path, tmp_path / "s")
    rows = parquet.read_table(found.months["2026-10"]).to_pylist()
    assert [(r["start"].hour, r["average"], r["maximum"]) for r in rows] == [
        (12, 100.0, 100.0),
        (13, 5.0, 6.0),
    ]
    told = " | ".join(found.notes)
    for part in ("2 values are empty or NaN", "1 percentages above 100", "1 values stood there twice"):
        assert part in told


def test_one_time_with_two_values_is_refused(tmp_path):
    path = csv(tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,5,,", "m,cpu,%,2026-10-05T10:00:00Z,6,,")
    told = refused(path, tmp_path)
    assert "two different values of m, cpu, at 2026-10-05T10:00:00Z" in told.found
    assert "5.0" in told.found and "6.0" in told.found


def test_summer_time_ends_and_both_hours_stay(tmp_path):
    path = csv(tmp_path, "m,cpu,%,2026-10-25T02:00:00+02:00,5,,", "m,cpu,%,2026-10-25T02:00:00+01:00,6,,")
    assert [r[3].hour for r in hours(path, tmp_path)] == [0, 1]


def test_parquet_without_zone_and_missing_columns_are_refused(tmp_path):
    names = {"resource_id": ["m"], "metric": ["cpu"], "unit": ["%"], "average": [1.0]}
    path, local = tmp_path / "local.parquet", datetime(2026, 10, 25, 2, tzinfo=UTC).replace(tzinfo=None)
    parquet.write_table(pa.table(names | {"start": pa.array([local], pa.timestamp("us"))}), path)
    assert refused(path, tmp_path).column == "start"
    with pytest.raises(KitError):  # no hourly use at all then: refused as a file that is no FOCUS
        sources.find(csv(tmp_path, "m,cpu,%,1", head="resource_id,metric,unit,average\n"), today=NOW.date())


def test_a_broken_line_and_a_file_twice_are_refused(tmp_path):
    path = csv(tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,5")
    assert "cannot read" in refused(path, tmp_path / "a").found
    one = csv(tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,5,,", name="one.csv")
    two = csv(tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,5,,", name="two.csv")
    assert "same content" in refused([one, two], tmp_path / "b").found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.integers(0, 179), st.floats(0, 100).map(lambda v: round(v, 3)), st.integers(1, 9)),
        min_size=1,
        max_size=40,
        unique_by=lambda s: s[0],
    )
)
def test_mean_and_maximum_of_the_hour_are_those_of_its_samples(tmp_path_factory, points):
    folder = tmp_path_factory.mktemp("use")
    rows = [f"m,cpu,%,{(TEN + timedelta(minutes=m)).isoformat()},{v},,{n}" for m, v, n in points]
    found = hours(csv(folder, *rows), folder)
    for _, _, _, start, mean, most, count in found:
        mine = [(v, n) for m, v, n in points if TEN + timedelta(hours=m // 60) == start]
        assert count == sum(n for _, n in mine)
        assert mean == pytest.approx(sum(v * n for v, n in mine) / count, abs=1e-6)
        assert most == max(v for v, _ in mine)
    assert sum(r[6] for r in found) == sum(n for _, _, n in points)


# --- monitoring systems ---------------------------------------------------------------------------------------------

VM = "/subscriptions/0000/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web-1"


def azure(metric="Percentage CPU", unit="Percent", data=None, interval="PT5M", split=()):
    return {
        "cost": 0,
        "interval": interval,
        "namespace": "Microsoft.Compute/virtualMachines",
        "resourceregion": "westeurope",
        "timespan": "2026-10-05T10:00:00Z/2026-10-05T11:00:00Z",
        "value": [
            {
                "id": f"{VM}/providers/Microsoft.Insights/metrics/{metric}",
                "name": {"value": metric, "localizedValue": metric},
                "resourceGroup": "rg",
                "timeseries": [{"data": data or [], "metadatavalues": list(split)}],
                "type": "Microsoft.Insights/metrics",
                "unit": unit,
            }
        ],
    }


def test_azure_monitor(tmp_path):
    data = [
        {"timeStamp": "2026-10-05T10:00:00Z", "average": 10.0, "maximum": 20.0, "count": 5.0},
        {"timeStamp": "2026-10-05T10:05:00+00:00", "average": 40.0, "maximum": 90.0, "count": 15.0},
        {"timeStamp": "2026-10-05T11:00:00Z"},  # nothing measured
    ]
    assert hours(document(tmp_path, azure(data=data)), tmp_path / "a") == [
        (VM, "cpu", "%", TEN, 32.5, 90.0, 20)
    ]
    free = [{"timeStamp": "2026-10-05T10:00:00Z", "average": 70.0, "minimum": 60.0}]
    answer = azure("Available Memory Percentage", data=free)
    assert hours(document(tmp_path, answer), tmp_path / "b") == [(VM, "memory", "%", TEN, 30.0, 40.0, 1)]
    bytes_in = [{"timeStamp": "2026-10-05T10:00:00Z", "total": 600.0, "count": 3.0, "maximum": 400.0}]
    answer = azure("Network In Total", "Bytes", bytes_in)
    assert hours(document(tmp_path, answer), tmp_path / "c") == [
        (VM, "network_in", "bytes", TEN, 200.0, 400.0, 3)
    ]


@pytest.mark.parametrize(
    ("answer", "column", "found"),
    [
        (azure(interval="P1D"), "interval", "P1D"),
        (
            azure(unit="Count", data=[{"timeStamp": "2026-10-05T10:00:00Z", "average": 1}]),
            "value[0].unit",
            "Count",
        ),
        (
            azure(data=[{"timeStamp": "2026-10-05T10:00:00", "average": 1}]),
            "value[0].timeseries[0].data[0].timeStamp",
            "without zone",
        ),
        (
            azure(data=[{"timeStamp": "2026-10-05T10:00:00Z", "average": "x"}]),
            "value[0].timeseries[0].data[0].average",
            "'x'",
        ),
        (
            azure("Network In Total", "Bytes", [{"timeStamp": "2026-10-05T10:00:00Z", "average": 1}]),
            "value[0].timeseries[0].data[0]",
            "without Sum",
        ),
        (azure(data=[{"timeStamp": "2026-10-05T10:00:00Z", "average": -1}]), "average", "-1"),
        (azure(data=[{"timeStamp": "2026-10-05T10:00:00Z", "average": 400}]), "average", "400"),
        (azure("Disk Queue Depth"), None, "no use that the kit can read"),
        (
            azure(data=[{"timeStamp": "2026-10-05T10:00:00Z", "average": 1}], split=[{"name": "LUN"}]),
            None,
            "no use that the kit can read",
        ),
    ],
)
def test_azure_monitor_refusals(tmp_path, answer, column, found):
    told = refused(document(tmp_path, answer), tmp_path)
    assert told.column == column
    assert found in told.found


def test_cloudwatch_metric_stream(tmp_path):
    def line(minute, name="CPUUtilization", unit="Percent", dimensions=None, **value):
        return json.dumps(
            {
                "metric_stream_name": "all",
                "account_id": "111122223333",
                "region": "eu-west-1",
                "namespace": "AWS/EC2",
                "metric_name": name,
                "dimensions": dimensions or {"InstanceId": "i-0abc"},
                "timestamp": int((TEN + timedelta(minutes=minute)).timestamp() * 1000),
                "value": {"count": 2.0, "sum": 20.0, "max": 18.0, "min": 2.0} | value,
                "unit": unit,
            }
        )

    good = [line(0), line(5, count=6.0, sum=300.0, max=60.0), line(0, "StatusCheckFailed", "Count")]
    good += [line(0, dimensions={"AutoScalingGroupName": "web"})]
    path = document(tmp_path, "\n".join(good) + "\n", "stream-1")
    assert hours(path, tmp_path / "a") == [
        ("arn:aws:ec2:eu-west-1:111122223333:instance/i-0abc", "cpu", "%", TEN, 40.0, 60.0, 8)
    ]
    notes = " ".join(stage(path, tmp_path / "b").notes)
    assert "StatusCheckFailed" in notes and "no single resource" in notes
    told = refused(document(tmp_path, good[0] + "\n" + good[1][:50], "cut"), tmp_path / "c")
    assert (told.row, told.found) == (2, "no line of a metric stream")
    told = refused(document(tmp_path, line(0, unit="Kilobytes"), "unit"), tmp_path / "d")
    assert (told.row, told.column) == (1, "unit")


def test_cloudwatch_get_metric_statistics(tmp_path):
    points = [
        {
            "Timestamp": "2026-10-05T10:00:00+00:00",
            "Average": 10.0,
            "Maximum": 30.0,
            "SampleCount": 12.0,
            "Unit": "Percent",
        },
        {
            "Timestamp": "2026-10-05T11:00:00Z",
            "Average": 5.0,
            "Maximum": 6.0,
            "SampleCount": 12.0,
            "Unit": "Percent",
        },
    ]
    answer = {"Label": "CPUUtilization", "Datapoints": points}
    path = document(tmp_path, answer, "InstanceId=i-0abc CPUUtilization.json")
    assert [(r[0], r[4], r[6]) for r in hours(path, tmp_path / "a")] == [
        ("i-0abc", 10.0, 12),
        ("i-0abc", 5.0, 12),
    ]
    told = refused(document(tmp_path, answer, "cpu.json"), tmp_path / "b")
    assert "does not say of which resource" in told.found


def test_cloudwatch_get_metric_data_by_queries_and_by_labels(tmp_path):
    def query(one, stat):
        metric = {"Namespace": "AWS/EC2", "MetricName": "NetworkIn", "Dimensions": [{"Name": "InstanceId", "Value": "i-0abc"}]}  # fmt: skip
        return {"Id": one, "MetricStat": {"Metric": metric, "Period": 300, "Stat": stat}}

    times = ["2026-10-05T10:00:00+00:00", "2026-10-05T10:05:00+00:00"]
    series = {"a": ("Sum", [100.0, 500.0]), "b": ("SampleCount", [5.0, 5.0]), "c": ("Maximum", [50.0, 300.0])}

    def answer(label):
        results = [{"Id": i, "Label": label(s), "Timestamps": times, "Values": v, "StatusCode": "Complete"} for i, (s, v) in series.items()]  # fmt: skip
        return {"MetricDataResults": results, "Messages": []}

    wanted = [("i-0abc", "network_in", "bytes", TEN, 60.0, 300.0, 10)]
    queries = document(tmp_path, [query(i, s) for i, (s, _) in series.items()], "queries.json")
    plain = document(tmp_path, answer(lambda s: "NetworkIn"), "plain.json")
    assert hours([queries, plain], tmp_path / "a") == wanted
    labelled = document(tmp_path, answer(lambda s: f"i-0abc NetworkIn {s}"), "labelled.json")
    assert hours(labelled, tmp_path / "b") == wanted
    assert refused(plain, tmp_path / "c").column == "MetricDataResults[0].Label"
    daily = [query("a", "Sum") | {"MetricStat": query("a", "Sum")["MetricStat"] | {"Period": 86400}}]
    told = refused([document(tmp_path, daily, "daily.json"), plain], tmp_path / "d")
    assert "86400" in told.found


def google(kind, points, labels=None, resource=None, **more):
    series = {
        "metric": {"type": kind, "labels": {"instance_name": "web-1"} | (labels or {})},
        "resource": resource
        or {
            "type": "gce_instance",
            "labels": {"project_id": "p", "zone": "europe-west1-b", "instance_id": "42"},
        },
        "metricKind": "GAUGE",
        "valueType": "DOUBLE",
        "points": [{"interval": i, "value": v} for i, v in points],
    }
    return series | more


def test_google_cloud_monitoring(tmp_path):
    at = [f"2026-10-05T10:{m:02d}:00Z" for m in range(0, 60, 20)] + ["2026-10-05T11:00:00Z"]
    cpu = google(
        "compute.googleapis.com/instance/cpu/utilization",
        [
            ({"startTime": t, "endTime": t}, {"doubleValue": v})
            for t, v in zip(at[1:], (0.1, 0.2, 0.6), strict=True)
        ],
    )
    vm = "//compute.googleapis.com/projects/p/zones/europe-west1-b/instances/web-1"
    found = hours(document(tmp_path, {"timeSeries": [cpu], "unit": "10^2.%"}), tmp_path / "a")
    assert found == [
        (vm, "cpu", "%", TEN, pytest.approx(30.0), 60.0, 3)
    ]  # the value at 11:00 is of the hour before
    disks = [
        google(
            "compute.googleapis.com/instance/disk/read_bytes_count",
            [
                (
                    {"startTime": "2026-10-05T10:00:00Z", "endTime": "2026-10-05T11:00:00Z"},
                    {"int64Value": value},
                )
            ],
            {"device_name": disk},
            metricKind="DELTA",
            valueType="INT64",
        )
        for disk, value in (("boot", "100"), ("data", "50"))
    ]
    answer = {"timeSeries": disks, "unit": "By"}
    assert hours(document(tmp_path, answer), tmp_path / "b") == [
        (vm, "disk_read", "bytes", TEN, 150.0, 150.0, 1)
    ]


@pytest.mark.parametrize(
    ("answer", "column", "found"),
    [
        (
            {
                "timeSeries": [
                    google(
                        "compute.googleapis.com/instance/cpu/utilization",
                        [
                            (
                                {"startTime": "2026-10-05T00:00:00Z", "endTime": "2026-10-06T00:00:00Z"},
                                {"doubleValue": 0.1},
                            )
                        ],
                    )
                ]
            },
            "timeSeries[0].points[0].interval",
            "1 day",
        ),
        (
            {
                "timeSeries": [
                    google("compute.googleapis.com/instance/disk/read_bytes_count", [], metricKind="GAUGE")
                ],
                "unit": "By/s",
            },
            "timeSeries[0].unit",
            "By/s",
        ),
        (
            {
                "timeSeries": [
                    google("compute.googleapis.com/instance/cpu/utilization", [], valueType="DISTRIBUTION")
                ]
            },
            "timeSeries[0].valueType",
            "DISTRIBUTION",
        ),
    ],
)
def test_google_refusals(tmp_path, answer, column, found):
    told = refused(document(tmp_path, answer), tmp_path)
    assert told.column == column
    assert found in told.found


def prometheus(*series):
    return {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": m, "values": v} for m, v in series]}}  # fmt: skip


def test_prometheus_with_names_of_node_exporter(tmp_path):
    t = TEN.timestamp()
    idle = [({"__name__": "node_cpu_seconds_total", "instance": "web-1:9100", "cpu": c, "mode": "idle"}, [[t, "1000"], [t + 1800, v], [t + 3600, "100"]]) for c, v in (("0", "2350"), ("1", "1900"))]  # fmt: skip
    busy = (
        {"__name__": "node_cpu_seconds_total", "instance": "web-1:9100", "cpu": "0", "mode": "user"},
        [[t, "0"]],
    )
    memory = [
        ({"__name__": "node_memory_MemTotal_bytes", "instance": "web-1:9100"}, [[t + 60, "1000"]]),
        ({"__name__": "node_memory_MemAvailable_bytes", "instance": "web-1:9100"}, [[t + 60, "250"]]),
    ]
    flow = [({"__name__": "node_network_receive_bytes_total", "instance": "web-1:9100", "device": d}, [[t, "0"], [t + 60, v]]) for d, v in (("eth0", "300"), ("eth1", "20"), ("lo", "9999"))]  # fmt: skip
    rule = ({"__name__": "instance:node_cpu_utilisation:rate5m", "instance": "web-2:9100"}, [[t + 3600, "0.4"], [t + 7200, "NaN"]])  # fmt: skip
    path = document(tmp_path, prometheus(*idle, busy, *memory, *flow, rule))
    found = {(r[0], r[1]): r[3:] for r in hours(path, tmp_path / "a")}
    # first half hour: 1350 + 900 of 3600 seconds idle; then both counters restart and reach 100: 200 of 3600
    mean = (100 * (1 - 2250 / 3600) + 100 * (1 - 200 / 3600)) / 2
    assert found["web-1", "cpu"] == (TEN, pytest.approx(mean), pytest.approx(100 * (1 - 200 / 3600)), 2)
    assert found["web-1", "memory"] == (TEN, 75.0, 75.0, 1)
    assert found["web-1", "network_in"] == (TEN, 320.0, 320.0, 1)
    assert found["web-2", "cpu"] == (TEN, 40.0, 40.0, 1)
    assert len(found) == 4


def test_prometheus_gaps_stay_gaps_and_other_answers_are_refused(tmp_path):
    t = TEN.timestamp()
    counter = ({"__name__": "node_disk_read_bytes_total", "instance": "a", "device": "sda"}, [[t, "0"], [t + 7200, "50"], [t + 9000, "60"]])  # fmt: skip
    assert [(r[3].hour, r[4]) for r in hours(document(tmp_path, prometheus(counter)), tmp_path / "a")] == [
        (12, 10.0)
    ]
    vector = {"status": "success", "data": {"resultType": "vector", "result": []}}
    assert refused(document(tmp_path, vector), tmp_path / "b").column == "data.resultType"
    infinite = prometheus(({"metric": "cpu", "instance": "a"}, [[t, "+Inf"]]))
    assert refused(document(tmp_path, infinite), tmp_path / "c").column == "data.result[0].values[0]"
    assert refused(document(tmp_path, '{"resultType": '), tmp_path / "d").found.startswith("no JSON")
    assert "lacks or misplaces" in refused(document(tmp_path, '{"status":"success","data":{"resultType":"matrix","result":[{}]}}'), tmp_path / "e").found  # fmt: skip


def test_a_json_document_too_large_to_be_read_whole_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(monitors, "LARGEST", 100)
    told = refused(document(tmp_path, azure()), tmp_path)
    assert "a JSON document of" in told.found and "pieces" in told.remedy


# --- in the store ---------------------------------------------------------------------------------------------------


def put(folder: Path, path: Path, scratch: Path, day: date = TODAY):
    scratch.mkdir(exist_ok=True, parents=True)
    delivery = sources.find(str(path), today=day)
    return usage.keep(folder, measured.stage(delivery.usage, scratch), day, now=NOW)


def kept(folder: Path, as_of: date | None = None) -> list[tuple]:
    table = usage.open_usage(folder, as_of)
    if table is None:
        return []
    rows = table.order_by(["resource_id", "metric", "start"]).to_pyarrow().to_pylist()
    return [(r["resource_id"], r["start"].hour, r["average"]) for r in rows]


def test_a_delivery_replaces_the_hours_it_holds_and_no_others(tmp_path):
    folder = tmp_path / "store"
    first = csv(tmp_path, *(f"m,cpu,%,2026-10-05T{h}:00:00Z,{h},," for h in (10, 11)), "n,cpu,%,2026-09-30T10:00:00Z,3,,", name="a.csv")  # fmt: skip
    second = csv(
        tmp_path, "m,cpu,%,2026-10-05T11:00:00Z,50,,", "m,cpu,%,2026-10-05T12:00:00Z,60,,", name="b.csv"
    )
    assert put(folder, first, tmp_path / "1", date(2026, 10, 6)).rows == 3
    done = put(folder, second, tmp_path / "2", date(2026, 10, 8))
    assert (done.done, done.rows, done.replaced, done.months) == ("committed", 2, 1, ("2026-10",))
    assert kept(folder) == [("m", 10, 10.0), ("m", 11, 50.0), ("m", 12, 60.0), ("n", 10, 3.0)]
    assert kept(folder, date(2026, 10, 7)) == [("m", 10, 10.0), ("m", 11, 11.0), ("n", 10, 3.0)]
    assert kept(folder, date(2026, 10, 5)) == []
    assert put(folder, second, tmp_path / "3", date(2026, 10, 9)).done == "nothing"
    with pytest.raises(Refused, match="older than that of 2026-10-08"):
        put(folder, first, tmp_path / "4", date(2026, 10, 1))
    assert store.verify(folder).files == 3
    assert (record := store.table_record(folder, "usage"))
    assert record.details["rows"] == 2
    with pytest.raises(UsageError, match="open_usage"):
        store.read_table(folder, "usage")


def test_a_large_month_is_joined_in_parts(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    first = csv(tmp_path, *(f"m{n},cpu,%,2026-10-05T10:00:00Z,1,," for n in range(40)), name="a.csv")
    second = csv(tmp_path, *(f"m{n},cpu,%,2026-10-05T10:00:00Z,2,," for n in range(20, 60)), name="b.csv")
    put(folder, first, tmp_path / "1", date(2026, 10, 6))
    monkeypatch.setattr(usage, "PART", 25)
    done = put(folder, second, tmp_path / "2")
    assert (done.rows, done.replaced) == (40, 20)
    assert len(list((folder / "companions" / "usage" / "data" / "2026-10").iterdir())) == 1 + 4
    assert [(r, v) for r, _, v in kept(folder)] == sorted(
        (f"m{n}", 1.0 if n < 20 else 2.0) for n in range(60)
    )
    assert store.verify(folder).files == 5


def test_vacuum_history_and_damage(tmp_path):
    folder = tmp_path / "store"
    put(
        folder,
        csv(tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,1,,", name="a.csv"),
        tmp_path / "1",
        date(2026, 10, 6),
    )
    put(
        folder,
        csv(tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,2,,", name="b.csv"),
        tmp_path / "2",
        date(2026, 10, 8),
    )
    assert store.history(folder) == []  # the charges' history is their own
    done = store.vacuum(folder, date(2026, 10, 8), now=NOW)
    assert (done.files_before, done.files_after) == (2, 1)
    assert kept(folder) == [("m", 10, 2.0)]
    assert store.verify(folder).files == 1
    with pytest.raises(Damaged, match="missing"):
        kept(folder, date(2026, 10, 7))


def test_a_failure_leaves_the_store_as_it_was(tmp_path, monkeypatch):
    folder = tmp_path / "store"
    put(
        folder,
        csv(tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,1,,", name="a.csv"),
        tmp_path / "1",
        date(2026, 10, 6),
    )
    before = sorted(p.name for p in folder.rglob("*.parquet"))

    def no_room(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("helpers.data.moving._move", no_room)
    with pytest.raises(Refused, match="cannot be written"):
        put(
            folder,
            csv(tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,2,,", name="b.csv"),
            tmp_path / "2",
            date(2026, 10, 8),
        )
    monkeypatch.undo()
    assert kept(folder) == [("m", 10, 1.0)]
    assert sorted(p.name for p in folder.rglob("*.parquet")) == before


def test_the_sample_company_has_its_use_in_the_store(larkspur):
    table = usage.open_usage(larkspur)
    written = list((larkspur.parent / "sample" / "usage").glob("*.parquet"))
    assert table.count().to_pandas() == sum(parquet.read_metadata(p).num_rows for p in written)
    assert usage.open_usage(larkspur, date(2026, 10, 5)) is not None
    assert usage.open_usage(larkspur, date(2026, 10, 4)) is None
    assert sum(p.stat().st_size for p in (larkspur / "companions" / "usage").rglob("*")) < 4_000_000


def test_the_sample_s_use_is_of_resources_that_are_billed(larkspur):
    from helpers.data import open_charges

    billed = open_charges(larkspur).select("ResourceId").distinct().to_pandas()["ResourceId"].dropna()
    found = usage.match(usage.open_usage(larkspur), billed)
    assert len(found.ids) + len(found.unmatched) == 62
    assert set(found.how.values()) == {"same"}


# --- matched --------------------------------------------------------------------------------------------------------


def test_names_are_matched_with_the_charges_and_never_guessed():
    billed = [
        "arn:aws:ec2:eu-west-1:1:instance/i-0abc",
        "arn:aws:rds:eu-west-1:1:db:orders",
        "arn:aws:rds:eu-west-1:2:db:orders",
        "/subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/Web",
        "//compute.googleapis.com/projects/p/instances/data-1",
        "only-billed",
    ]
    names = [
        "i-0abc",
        "orders",
        "/subscriptions/s/resourcegroups/rg/providers/microsoft.compute/virtualmachines/web",
        "//compute.googleapis.com/projects/p/zones/z/instances/data-1",
        "not-billed",
    ]
    found = usage.match(names, billed)
    assert found.ids == {names[0]: billed[0], names[2]: billed[3], names[3]: billed[4]}
    assert found.how == {names[0]: "end", names[2]: "same", names[3]: "name"}
    assert found.ambiguous == {"orders": tuple(billed[1:3])}
    assert found.unmatched == ("not-billed",)
    assert found.unmeasured == (*sorted(billed[1:3]), "only-billed")
    assert found.sentence().startswith(
        "3 of 5 measured resources are in the charges, 1 of them by name only, 1 could be"
    )


def test_two_resources_that_share_only_their_last_part_are_not_one():
    found = usage.match(["//x/projects/a/zones/1/instances/vm", "//x/projects/b/zones/1/instances/vm"], ["//y/projects/a/instances/vm"])  # fmt: skip
    assert not found.ids
    assert len(found.ambiguous) == 2


def test_matched_names_can_be_put_in_place(tmp_path):
    folder = tmp_path / "store"
    put(
        folder,
        csv(tmp_path, "i-0abc,cpu,%,2026-10-05T10:00:00Z,1,,", "x,cpu,%,2026-10-05T10:00:00Z,2,,"),
        tmp_path / "1",
    )
    table = usage.open_usage(folder)
    found = usage.match(table, ["arn:aws:ec2:eu-west-1:1:instance/i-0abc"])
    assert sorted(usage.renamed(table, found).to_pandas()["resource_id"]) == [
        "arn:aws:ec2:eu-west-1:1:instance/i-0abc",
        "x",
    ]


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_would_keep_and_what_it_kept(tmp_path):
    path = csv(
        tmp_path, "m,cpu,%,2026-10-05T10:00:00Z,1,,", "m,cpu,%,2026-11-05T10:00:00Z,NaN,2,", name="a.csv"
    )
    folder, answer = tmp_path / "store", tmp_path / "answer.json"
    asked = ["ingest", str(path), "--to", str(folder)]
    done = CliRunner().invoke(main, [*asked, "--dry-run"])
    assert done.exit_code == 0, done.output
    assert "would keep usage: 1 hour of 1 resource (cpu), 2026-10" in done.output
    assert not folder.exists()
    done = CliRunner().invoke(main, [*asked, "--json", str(answer)])
    assert done.exit_code == 0, done.output
    assert "1 values are empty or NaN: gaps stay gaps" in done.output
    told = json.loads(answer.read_text("utf-8"))["usage"]
    assert (told["done"], told["rows"], told["metrics"], told["months"]) == (
        "committed",
        1,
        ["cpu"],
        ["2026-10"],
    )
    assert "held already: usage" in CliRunner().invoke(main, asked).output


def test_bad_use_stops_the_charges_that_came_with_it(tmp_path):
    from tests.data import making

    (tmp_path / "in").mkdir()
    making.write(tmp_path / "in" / "focus.csv", [making.charge()])
    csv(tmp_path / "in", "m,cpu,%,2026-10-05T10:00:00Z,-1,,")
    done = CliRunner().invoke(main, ["ingest", str(tmp_path / "in"), "--to", str(tmp_path / "store")])
    assert done.exit_code == 5
    assert "use.csv, row 2, column average: '-1'" in done.output
    assert not store.exists(tmp_path / "store")


def test_companion_tables_alone_need_no_manifest(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_text("month;department;amount;currency\n2026-10;Shop;5.00;USD\n", encoding="utf-8")
    done = CliRunner().invoke(main, ["ingest", str(path), "--to", str(tmp_path / "store")])
    assert done.exit_code == 0, done.output
    assert "kept budgets: 1 rows" in done.output
