"""Hourly use as monitoring systems write it in JSON: Amazon CloudWatch, Azure Monitor, Google Cloud Monitoring, Prometheus.

`kind` recognises a file by its first bytes, `samples` reads it as rows of `measured.SAMPLE`. What each shape looks like,
which names are read and where that is documented: docs/usage.md. A metric that the kit has no name for is left out and
counted; a value or unit that it cannot understand is refused with its place in the file.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from helpers.terms.errors import BadInput

METRICS = {
    "cpu": "%",
    "memory": "%",
    "network_in": "bytes",
    "network_out": "bytes",
    "disk_read": "bytes",
    "disk_write": "bytes",
}
LARGEST = 128 * 1024 * 1024  # a JSON document is read whole; lines of a stream are not
HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)  # a value at 11:00 is of the time before it

Sample = tuple[str, str, str, datetime, float | None, float | None, int]

_SIGNS = (
    ("stream", '"metric_stream_name"'),
    ("cloudwatch-data", '"MetricDataResults"'),
    ("cloudwatch-statistics", '"Datapoints"'),
    ("cloudwatch-queries", '"MetricStat"'),
    ("google", '"timeSeries"'),
    ("prometheus", '"resultType"'),
    ("azure", '"timeseries"'),
)


def kind(first: bytes) -> str | None:
    """Which monitoring system wrote a file that begins so, or None.

    Examples
    --------
    >>> kind(b'{"status":"success","data":{"resultType":"matrix","result":[]}}')
    'prometheus'
    >>> kind(b"resource_id,metric") is None
    True
    """
    text = first.decode("utf-8-sig", errors="replace").lstrip()
    if text[:1] not in ("{", "["):
        return None
    return next((name for name, sign in _SIGNS if sign in text), None)


@dataclass
class Reading:
    """What is known while files of one delivery are read: queries by their id, and what was left out, counted."""

    queries: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)


def add_queries(path: Path, name: str, reading: Reading) -> None:
    """Keep the queries of a get-metric-data call, so that its answer's ids mean something."""
    document = _document(path, name)
    listed = document.get("MetricDataQueries", []) if isinstance(document, dict) else document
    for n, query in enumerate(q for q in listed if isinstance(q, dict)):
        held = reading.queries.setdefault(str(query.get("Id")), query)
        if held != query:
            raise BadInput(
                f"another query with the id {query.get('Id')!r}",
                "one meaning for each id of a delivery",
                "ingest the answers one by one, each with its own queries",
                file=name,
                column=f"[{n}].Id",
            )


def samples(what: str, path: Path, name: str, reading: Reading) -> Iterator[Sample]:
    """The samples in one file, as they stand there: resource, metric, unit, time, average, maximum, count.

    Raises
    ------
    BadInput
        With the place inside the document as column.
    """
    place = _Place(name)
    if what == "stream":
        yield from _stream(path, place, reading)
        return
    document = _document(path, name)
    yield from _READERS[what](document, place, reading)


def _document(path: Path, name: str) -> Any:
    if path.stat().st_size > LARGEST:
        raise BadInput(
            f"a JSON document of {path.stat().st_size / 1e6:,.0f} MB",
            f"at most {LARGEST / 1e6:,.0f} MB: it is read whole",
            "export it in pieces (by day or by resource), or as the kit's own Parquet, which has no limit",
            file=name,
        )
    try:
        return json.loads(path.read_bytes())
    except ValueError as problem:
        row = getattr(problem, "lineno", None)
        raise BadInput(
            f"no JSON: {str(problem)[:120]}", "the whole answer", "export it again", file=name, row=row
        ) from problem


class _Place:
    """Where in a file a value stands, and the refusals that say so."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.row: int | None = None

    def bad(self, at: str, found: str, needed: str, remedy: str) -> BadInput:
        return BadInput(found, needed, remedy, file=self.name, row=self.row, column=at)

    def time(self, value: Any, at: str, *, unit: float = 1.0) -> datetime:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return datetime.fromtimestamp(value * unit, UTC)
        try:
            found = datetime.fromisoformat(str(value))
        except ValueError:
            raise self.bad(at, repr(value), "a time of ISO 8601", "export it again") from None
        if found.tzinfo is None:
            raise self.bad(
                at,
                f"{value}, a local time without zone",
                "times with their zone: where summer time ends, an hour would be there twice",
                "export in UTC (times ending in Z)",
            )
        return found.astimezone(UTC)

    def number(self, value: Any, at: str) -> float | None:
        """A number, or None for null and NaN, which are gaps."""
        if value is None:
            return None
        try:
            found = float(value) if not isinstance(value, bool) else None
        except (TypeError, ValueError):
            found = None
        if found is None:
            raise self.bad(at, repr(value), "a number", "export it again")
        if math.isinf(found):
            raise self.bad(at, repr(value), "a finite number", "mend the query: something divides by zero")
        return None if math.isnan(found) else found

    def unit(self, metric: str, said: Any, known: dict[str, str], at: str) -> str:
        """The kit's unit, after comparing it with what the source says."""
        needed = METRICS[metric]
        if said not in (None, "", "None", "Unspecified") and known.get(str(said)) != needed:
            raise self.bad(
                at,
                f"the unit {said!r} for {metric}",
                " or ".join(u for u, mine in known.items() if mine == needed),
                "export the metric in that unit",
            )
        return needed


# --- Amazon CloudWatch ---------------------------------------------------------------------------------------------

_AMAZON = {
    "CPUUtilization": "cpu",
    "mem_used_percent": "memory",
    "MemoryUtilization": "memory",
    "DatabaseMemoryUsagePercentage": "memory",
    "NetworkIn": "network_in",
    "NetworkBytesIn": "network_in",
    "NetworkOut": "network_out",
    "NetworkBytesOut": "network_out",
    "EBSReadBytes": "disk_read",
    "EBSWriteBytes": "disk_write",
}
_AMAZON_UNITS = {"Percent": "%", "Bytes": "bytes"}
# dimension that names a resource -> the middle of its ARN
_AMAZON_RESOURCES = {
    "InstanceId": "ec2:{region}:{account}:instance/",
    "DBInstanceIdentifier": "rds:{region}:{account}:db:",
    "CacheClusterId": "elasticache:{region}:{account}:cluster:",
    "DomainName": "es:{region}:{account}:domain/",
}
_AMAZON_BESIDE = {
    "ImageId",
    "InstanceType",
    "AutoScalingGroupName",
    "ClientId",
}  # say more of the same resource


def _amazon_resource(dimensions: dict[str, str], account: str = "", region: str = "") -> str | None:
    names = [d for d in _AMAZON_RESOURCES if d in dimensions]
    if len(names) != 1 or set(dimensions) - {names[0]} - _AMAZON_BESIDE:
        return None
    own = dimensions[names[0]]
    if not (account and region):
        return own
    partition = (
        "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    )
    return f"arn:{partition}:" + _AMAZON_RESOURCES[names[0]].format(region=region, account=account) + own


def _stream(path: Path, place: _Place, reading: Reading) -> Iterator[Sample]:
    with path.open("rb") as lines:
        for place.row, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                one = json.loads(line)
                name, dimensions, value = one["metric_name"], one["dimensions"], one["value"]
                account, region, time = one["account_id"], one["region"], one["timestamp"]
            except (ValueError, KeyError, TypeError) as problem:
                raise place.bad(
                    str(problem).strip("'"),
                    "no line of a metric stream",
                    "one JSON object a line with metric_name, dimensions, timestamp, value and unit",
                    "download the file again; it may be cut off",
                ) from problem
            metric, resource = _AMAZON.get(name), _amazon_resource(dimensions, account, region)
            if metric is None or resource is None:
                reading.left_out[_unnamed(name) if metric is None else _no_resource(dimensions)] += 1
                continue
            unit = place.unit(metric, one.get("unit"), _AMAZON_UNITS, "unit")
            count, total = (
                place.number(value.get("count"), "value.count"),
                place.number(value.get("sum"), "value.sum"),
            )
            if not count or total is None:
                reading.left_out["samples without a value"] += 1
                continue
            most = place.number(value.get("max"), "value.max")
            yield (
                resource,
                metric,
                unit,
                place.time(time, "timestamp", unit=0.001),
                total / count,
                most,
                int(count),
            )


def _statistics(document: Any, place: _Place, reading: Reading) -> Iterator[Sample]:
    named = re.search(
        r"(?:^|[/!\\ ,;_])(" + "|".join(_AMAZON_RESOURCES) + r")=([^/\\ ,;]+?)(?:\.json)?(?:$|[/\\ ,;])",
        place.name,
    )
    label = str(document.get("Label"))
    metric = _AMAZON.get(label)
    if metric is None:
        reading.left_out[_unnamed(label)] += len(document["Datapoints"])
        return
    if not named:
        raise place.bad(
            "Label",
            "an answer of get-metric-statistics, which does not say of which resource it is",
            "the dimension in the file's name, such as 'InstanceId=i-0123456789abcdef0 CPUUtilization.json'",
            "rename the file, or export with get-metric-data (docs/usage.md shows both)",
        )
    for n, point in enumerate(document["Datapoints"]):
        at = f"Datapoints[{n}]"
        unit = place.unit(metric, point.get("Unit"), _AMAZON_UNITS, f"{at}.Unit")
        told = {
            s: place.number(point.get(s), f"{at}.{s}") for s in ("Average", "Maximum", "Sum", "SampleCount")
        }
        sample = _amazon_sample(told, metric, place, at)
        yield (named[2], metric, unit, place.time(point.get("Timestamp"), f"{at}.Timestamp"), *sample)


def _amazon_sample(
    told: dict[str, float | None], metric: str, place: _Place, at: str
) -> tuple[float | None, float | None, int]:
    """Average, maximum and count of what the statistics of one period say."""
    count, total, mean = told.get("SampleCount"), told.get("Sum"), told.get("Average")
    if total is not None and count:
        return total / count, told.get("Maximum"), int(count)
    if METRICS[metric] == "bytes" and total is not None:  # the period is one sample
        return total, None, 1
    if mean is None or (METRICS[metric] == "bytes" and not count):
        if not any(v is not None for v in told.values()):
            return None, None, 1
        needed = "Sum, or Average and SampleCount" if METRICS[metric] == "bytes" else "Average"
        raise place.bad(
            at, f"{metric} without {needed}", needed, "ask for these statistics too (docs/usage.md)"
        )
    return mean, told.get("Maximum"), int(count or 1)


def _data(document: Any, place: _Place, reading: Reading) -> Iterator[Sample]:
    found: dict[tuple[str, str], dict[datetime, dict[str, float | None]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for n, series in enumerate(document["MetricDataResults"]):
        at = f"MetricDataResults[{n}]"
        resource, name, stat = _asked(series, place, at, reading)
        metric = _AMAZON.get(name)
        if metric is None or resource is None:
            reading.left_out[_unnamed(name) if metric is None else "series of no single resource"] += 1
            continue
        times, values = series.get("Timestamps", []), series.get("Values", [])
        if len(times) != len(values):
            raise place.bad(
                at, f"{len(times)} times, {len(values)} values", "one value a time", "export it again"
            )
        for m, (time, value) in enumerate(zip(times, values, strict=True)):
            when = place.time(time, f"{at}.Timestamps[{m}]")
            number = place.number(value, f"{at}.Values[{m}]")
            held = found[resource, metric][when].setdefault(stat, number)
            if held != number:
                raise place.bad(f"{at}.Values[{m}]", f"{number} after {held}: {resource}, {name}, {stat}, {time}", "one value", "leave one of the series out")  # fmt: skip
    for (resource, metric), hours in found.items():
        for when, told in hours.items():
            yield (
                resource,
                metric,
                METRICS[metric],
                when,
                *_amazon_sample(told, metric, place, f"{resource} {when}"),
            )


def _asked(series: dict[str, Any], place: _Place, at: str, reading: Reading) -> tuple[str | None, str, str]:
    """Resource, metric and statistic of a series: from the query with its id, else from its label."""
    if query := reading.queries.get(str(series.get("Id"))):
        asked = query.get("MetricStat")
        if not asked:
            return None, f"the expression {query.get('Id')}", ""
        if asked.get("Period", 0) > 3600:
            raise place.bad(
                at, f"a period of {asked['Period']} s", "3600 s or less", "ask with --period 3600"
            )
        dimensions = {d["Name"]: d["Value"] for d in asked["Metric"].get("Dimensions", [])}
        account = str(query.get("AccountId") or "")
        return _amazon_resource(dimensions, account), asked["Metric"]["MetricName"], asked["Stat"]
    words = str(series.get("Label", "")).split()
    if len(words) != 3:
        raise place.bad(
            f"{at}.Label",
            f"{series.get('Label')!r}, which does not say of which resource and statistic it is",
            "the label 'RESOURCE METRIC STATISTIC', or the file of the queries beside the answer",
            "give the file of --metric-data-queries too, or set the queries' Label as docs/usage.md shows",
        )
    return words[0], words[1], words[2]


# --- Azure Monitor -------------------------------------------------------------------------------------------------

_AZURE = {
    "Percentage CPU": "cpu",
    "cpu_percent": "cpu",
    "Available Memory Percentage": "memory",
    "memory_percent": "memory",
    "Network In Total": "network_in",
    "Network Out Total": "network_out",
    "Disk Read Bytes": "disk_read",
    "Disk Write Bytes": "disk_write",
}
_AZURE_UNITS = {"Percent": "%", "Bytes": "bytes"}
_AZURE_GRAINS = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "1m", "5m", "15m", "30m", "1h", "0:01:00", "0:05:00", "0:15:00", "0:30:00", "1:00:00")  # fmt: skip


def _azure(document: Any, place: _Place, reading: Reading) -> Iterator[Sample]:
    if document.get("interval") not in (None, *_AZURE_GRAINS):
        raise place.bad("interval", str(document["interval"]), "PT1H or finer", "ask with --interval PT1H")
    for n, one in enumerate(document.get("value", [])):
        at, name = f"value[{n}]", one["name"]["value"]
        metric = _AZURE.get(name)
        if metric is None:
            reading.left_out[_unnamed(name)] += 1
            continue
        resource = re.split(r"/providers/microsoft\.insights/", one["id"], flags=re.IGNORECASE)[0]
        unit = place.unit(metric, one.get("unit"), _AZURE_UNITS, f"{at}.unit")
        for m, series in enumerate(one.get("timeseries", [])):
            if series.get("metadatavalues"):
                reading.left_out["series of a part of a resource (split by dimension)"] += 1
                continue
            for k, point in enumerate(series.get("data", [])):
                where = f"{at}.timeseries[{m}].data[{k}]"
                when = place.time(point.get("timeStamp", point.get("timestamp")), f"{where}.timeStamp")
                told = {
                    mine: place.number(point.get(theirs), f"{where}.{theirs}")
                    for mine, theirs in (
                        ("Average", "average"),
                        ("Maximum", "maximum"),
                        ("Minimum", "minimum"),
                        ("Sum", "total"),
                        ("SampleCount", "count"),
                    )
                }
                if name.startswith("Available"):  # what is free; the rest is used
                    least = told["Minimum"]
                    told = {
                        "Average": _rest(told["Average"]),
                        "Maximum": _rest(least),
                        "SampleCount": told["SampleCount"],
                    }
                yield (resource, metric, unit, when, *_amazon_sample(told, metric, place, where))


def _rest(percent: float | None) -> float | None:
    return None if percent is None else 100 - percent


# --- Google Cloud Monitoring ---------------------------------------------------------------------------------------

_GOOGLE = {
    "compute.googleapis.com/instance/cpu/utilization": ("cpu", 100),
    "cloudsql.googleapis.com/database/cpu/utilization": ("cpu", 100),
    "cloudsql.googleapis.com/database/memory/utilization": ("memory", 100),
    "agent.googleapis.com/memory/percent_used": ("memory", 1),
    "compute.googleapis.com/instance/network/received_bytes_count": ("network_in", 1),
    "compute.googleapis.com/instance/network/sent_bytes_count": ("network_out", 1),
    "compute.googleapis.com/instance/disk/read_bytes_count": ("disk_read", 1),
    "compute.googleapis.com/instance/disk/write_bytes_count": ("disk_write", 1),
}


def _google(document: Any, place: _Place, reading: Reading) -> Iterator[Sample]:
    if document.get("nextPageToken"):
        reading.left_out["further pages of Google's answer (nextPageToken)"] += 1
    whole = document.get("unit")
    summed: dict[tuple[str, str, datetime], dict[str, float]] = defaultdict(dict)
    for n, series in enumerate(document["timeSeries"]):
        at, kind_of = f"timeSeries[{n}]", series["metric"]["type"]
        labels = series["metric"].get("labels", {})
        metric, factor = _GOOGLE.get(kind_of, (None, 1))
        resource = _google_resource(series)
        if metric is None or resource is None or labels.get("state", "used") != "used":
            reading.left_out[
                _unnamed(kind_of) if metric is None or resource else "series of no single resource"
            ] += 1
            continue
        known = {"By": "bytes", "10^2.%": "%"} if factor == 100 else {"By": "bytes", "%": "%"}
        unit = place.unit(metric, series.get("unit", whole), known, f"{at}.unit")
        if series.get("valueType") not in (None, "DOUBLE", "INT64"):
            raise place.bad(
                f"{at}.valueType",
                str(series["valueType"]),
                "DOUBLE or INT64",
                "ask with the aligner ALIGN_MEAN",
            )
        if unit == "bytes" and series.get("metricKind") not in (None, "DELTA"):
            raise place.bad(
                f"{at}.metricKind",
                str(series["metricKind"]),
                "DELTA",
                "ask without an aligner, or with ALIGN_DELTA",
            )
        for m, point in enumerate(series.get("points", [])):
            where = f"{at}.points[{m}]"
            value = place.number(next(iter(point["value"].values()), None), f"{where}.value")
            when = _google_time(point["interval"], place, f"{where}.interval")
            if unit == "%":
                yield resource, metric, unit, when, None if value is None else value * factor, None, 1
            elif value is not None:  # several disks or ways of one machine are one flow
                held = summed[resource, metric, when].setdefault(json.dumps(labels, sort_keys=True), value)
                if held != value:
                    raise place.bad(
                        where,
                        f"{value} after {held} for the same time and labels",
                        "one value",
                        "leave one out",
                    )
    for (resource, metric, when), parts in summed.items():
        yield resource, metric, METRICS[metric], when, math.fsum(parts.values()), None, 1


def _google_time(interval: dict[str, str], place: _Place, at: str) -> datetime:
    end = place.time(interval["endTime"], f"{at}.endTime")
    start = place.time(interval.get("startTime", interval["endTime"]), f"{at}.startTime")
    if end - start > HOUR:
        raise place.bad(at, f"a value of {end - start}", "an hour or less", "ask with alignmentPeriod=3600s")
    return end - INSTANT


def _google_resource(series: dict[str, Any]) -> str | None:
    labels, kind_of = series["resource"].get("labels", {}), series["resource"]["type"]
    if kind_of == "gce_instance":
        name = series["metric"].get("labels", {}).get("instance_name") or labels.get("instance_id")
        return f"//compute.googleapis.com/projects/{labels.get('project_id')}/zones/{labels.get('zone')}/instances/{name}" if name else None  # fmt: skip
    if kind_of == "cloudsql_database" and labels.get("database_id"):
        project, _, name = labels["database_id"].rpartition(":")
        return f"//cloudsql.googleapis.com/projects/{project or labels.get('project_id')}/instances/{name}"
    return None


# --- Prometheus ----------------------------------------------------------------------------------------------------

_GAUGES = {  # recording rules of node-mixin, as ratios
    "instance:node_cpu_utilisation:rate1m": "cpu",
    "instance:node_cpu_utilisation:rate5m": "cpu",
    "instance:node_memory_utilisation:ratio": "memory",
}
_FLOWS = {
    "node_network_receive_bytes_total": "network_in",
    "node_network_transmit_bytes_total": "network_out",
    "node_disk_read_bytes_total": "disk_read",
    "node_disk_written_bytes_total": "disk_write",
}
_PROCESSOR, _MEMORY, _FREE = (
    "node_cpu_seconds_total",
    "node_memory_MemTotal_bytes",
    "node_memory_MemAvailable_bytes",
)
_COUNTERS = {*_FLOWS, _PROCESSOR, _MEMORY, _FREE}
_WAITING = ("idle", "iowait", "steal")  # as node-mixin counts
_NAMES = ("resource_id", "instance_id", "nodename", "node", "instance")

Points = list[tuple[datetime, float | None]]


def _prometheus(document: Any, place: _Place, reading: Reading) -> Iterator[Sample]:
    data = document.get("data", {})
    if document.get("status") != "success" or data.get("resultType") != "matrix":
        raise place.bad(
            "data.resultType",
            f"{document.get('status')}, {data.get('resultType')}",
            "success, matrix: the answer of query_range",
            "ask /api/v1/query_range with a step of 1h or less",
        )
    counted: dict[tuple[str, str], dict[str, Points]] = defaultdict(dict)
    for n, series in enumerate(data["result"]):
        labels, points = series["metric"], _points(series, place, f"data.result[{n}]")
        resource = next((re.sub(r":\d+$", "", labels[name]) for name in _NAMES if labels.get(name)), "")
        name = str(labels.get("__name__", labels.get("metric", "no name")))
        if not resource:
            reading.left_out["series of no single resource"] += 1
        elif name in _GAUGES or name in METRICS:
            yield from _gauge(resource, name, points)
        elif name not in _COUNTERS:
            reading.left_out[_unnamed(name)] += 1
        elif (
            labels.get("device") != "lo" and labels.get("mode", "idle") in _WAITING
        ):  # busy is what is not idle
            counted[resource, name][json.dumps(labels, sort_keys=True)] = points
    for (resource, name), series in counted.items():
        if name in _FLOWS:
            for time, value, _ in _increases(series.values()):
                yield resource, _FLOWS[name], "bytes", time - INSTANT, value, None, 1
        elif name == _PROCESSOR:
            yield from _busy(resource, series)
        elif name == _MEMORY:
            yield from _used(resource, series, counted.get((resource, _FREE), {}))


def _points(series: dict[str, Any], place: _Place, at: str) -> Points:
    return [
        (place.time(time, f"{at}.values[{m}]"), place.number(value, f"{at}.values[{m}]"))
        for m, (time, value) in enumerate(series["values"])
    ]


def _gauge(resource: str, name: str, points: Points) -> Iterator[Sample]:
    metric, factor = _GAUGES.get(name, name), 100 if name in _GAUGES else 1
    for time, value in points:
        mean = None if value is None else value * factor
        yield resource, metric, METRICS[metric], time - INSTANT, mean, None, 1


def _busy(resource: str, series: dict[str, Points]) -> Iterator[Sample]:
    cores = len({json.loads(labels).get("cpu") for labels in series})
    for time, idle, seconds in _increases(series.values()):
        busy = 100 * (1 - idle / (cores * seconds))  # clocks of scrapes differ a little
        yield resource, "cpu", "%", time - INSTANT, min(100.0, max(0.0, busy)), None, 1


def _increases(series: Iterable[Points]) -> Iterator[tuple[datetime, float, float]]:
    """What counters of one resource grew by between two times that all of them have, and the seconds between.

    A counter that falls was restarted at zero. Where more than an hour lies between, there is a gap.
    """
    together: dict[datetime, float] = defaultdict(float)
    seen: Counter[datetime] = Counter()
    spans: dict[datetime, float] = {}
    several = list(series)
    for points in several:
        known = sorted((t, v) for t, v in points if v is not None)
        for (before, low), (after, high) in itertools.pairwise(known):
            if after - before <= HOUR and after > before:
                together[after] += high - low if high >= low else high
                seen[after] += 1
                spans[after] = (after - before).total_seconds()
    for time in sorted(together):
        if seen[time] == len(several):
            yield time, together[time], spans[time]


def _used(resource: str, size: dict[str, Points], free: dict[str, Points]) -> Iterator[Sample]:
    left = {t: v for points in free.values() for t, v in points if v is not None}
    for points in size.values():
        for time, whole in points:
            if whole and time in left:
                yield resource, "memory", "%", time - INSTANT, 100 * (1 - left[time] / whole), None, 1


_READERS: dict[str, Callable[[Any, _Place, Reading], Iterator[Sample]]] = {
    "cloudwatch-data": _data,
    "cloudwatch-statistics": _statistics,
    "azure": _azure,
    "google": _google,
    "prometheus": _prometheus,
}


def _unnamed(name: str) -> str:
    return f"the metric {name}, for which the kit has no name"


def _no_resource(dimensions: dict[str, str]) -> str:
    return f"samples of no single resource (dimensions {', '.join(sorted(dimensions)) or 'none'})"
