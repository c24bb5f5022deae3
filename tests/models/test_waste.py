"""What the charges show by themselves, and where each rule stays silent."""

from __future__ import annotations

from decimal import Decimal as D

import pandas as pd
import pytest
from tests.models.making import frame, history, line, stored

from helpers.data.allocation import factors
from helpers.models import waste

STEPS = factors("storage_steps")


def advise(lines, *months):
    past = pd.DataFrame(
        [r for m in months for r in m],
        columns=["resource_id", "sku", "unit", "period", "quantity", "effective", "days"],
        dtype=object,
    )
    found = waste.recommend(frame(*lines), past, STEPS)
    return {a.resource_id: (a.kind, a.saving) for a in found.advice}, found


GROWING = [100 * 1.02**n for n in range(13)]


def grown(resource, sku, rate, months=13):
    return history(resource, sku, [round(1000 * rate**n, 2) for n in range(months)])


def test_snapshots_that_are_only_added_to():
    disk = {"subcategory": "Backup Storage", "type": "snapshot"}
    lines = [stored(n, "EBS:SnapshotUsage", "100", **disk) for n in ("kept", "pruned", "young", "legal")]
    lines[3]["tags"] = {"legal-hold": "case 7"}
    months = [
        grown("kept", "EBS:SnapshotUsage", 1.01), history("pruned", "EBS:SnapshotUsage", [100, 110, 120, 90, 100, 110, 120, 130]),
        grown("young", "EBS:SnapshotUsage", 1.01, 4), grown("legal", "EBS:SnapshotUsage", 1.01),
    ]  # fmt: skip
    found, all_ = advise(lines, *months)
    assert found == {"kept": ("snapshots", D("90.00"))}
    assert [h["reason"] for h in all_.held] == ["tagged legal-hold: case 7"]


def test_logs_keep_thirteen_months_at_the_growth_seen():
    found, _ = advise(
        [stored("logs", "TimedStorage-ByteHrs", "100", subcategory="Observability", type="log-group")],
        grown("logs", "TimedStorage-ByteHrs", 1.02),
    )
    assert found["logs"] == ("log retention", D("77.30"))  # 1.02 ** -13
    flat, _ = advise(
        [stored("logs", "TimedStorage-ByteHrs", "100", subcategory="Observability", type="log-group")],
        grown("logs", "TimedStorage-ByteHrs", 1.0),
    )
    assert flat == {}


def test_cold_objects_take_the_tier_of_the_charges_or_the_published_ratio():
    hot = {"tier": "frequent", "sku": "hot"}
    s3 = "TimedStorage-ByteHrs"
    lines = [
        stored("still", s3, "230", quantity="10000", **hot), stored("lake", s3, "230", quantity="10000", **hot),
        stored("read", s3, "230", quantity="10000", **hot),
        stored("read", "Requests-Tier2", "50", quantity="1000000", unit="Requests", sku="get"),
        stored("young", s3, "230", quantity="10000", **hot),
    ]  # fmt: skip
    months = [
        grown("still", "hot", 1.005),
        grown("lake", "hot", 1.02),
        grown("read", "hot", 1.0),
        grown("young", "hot", 1.0, 9),
    ]
    found, _ = advise(lines, *months)
    assert found == {"still": ("cold storage", D("105.11"))}
    cheap = stored("cool", "TimedStorage-SIA-ByteHrs", "100", quantity="10000", tier="infrequent", sku="sia")
    found, all_ = advise([*lines, cheap], *months)
    assert found["still"] == ("cold storage", D("130.00"))
    assert all_.advice[0].basis == "charges"


def test_disks_without_a_machine_of_their_name():
    disk = {"subcategory": "Block Storage", "type": "volume", "sku": "gp3"}
    lines = [
        line("vm", name="erp-vm"), stored("d1", "EBS:VolumeUsage.gp3", "50", name="erp-disk", **disk), stored("d2", "EBS:VolumeUsage.gp3", "50", name="shop-vol-96f5", **disk),
        stored("d3", "EBS:VolumeUsage.gp3", "50", name="vol-0123456789abcdef0", **disk), stored("d4", "EBS:VolumeUsage.gp3", "50", name="busy-vol-1a1a", **disk),
    ]  # fmt: skip
    same = [history(d, "gp3", [100, 100, 100, 100]) for d in ("d1", "d2", "d3")]
    found, all_ = advise(lines, *same, history("d4", "gp3", [100, 120, 140, 170]))
    assert found == {"d2": ("orphaned disk", D("50.00"))}
    assert [a.resource_id for a in all_.possible] == ["d4"]  # it grows: somebody writes


def test_a_short_february_shrinks_nothing():
    days = [31, 28, 31, 30]
    sized = history("d", "gp3", [100] * 4)  # a gigabyte kept all month is one GB-month in each
    daily = history("d", "gp3", [round(100 * n / 30, 4) for n in days])  # or a thirtieth of one a day
    for months in (sized, daily):
        for month, n in zip(months, days, strict=True):
            month["days"] = n
        disk = {"subcategory": "Block Storage", "type": "volume", "sku": "gp3"}
        found, _ = advise([stored("d", "EBS:VolumeUsage.gp3", "50", name="shop-vol-96f5", **disk)], months)
        assert found == {"d": ("orphaned disk", D("50.00"))}


@pytest.mark.parametrize(
    ("meter", "unit", "kind", "saving"),
    [
        ("LoadBalancerUsage", "Hours", "idle load balancer", "100.00"),
        ("PublicIPv4:IdleAddress", "Hours", "idle address", "100.00"),
        ("NatGateway-Bytes", "GB", "NAT detour", "60.00"),
        ("DataTransfer-Regional-Bytes", "GB", "cross-zone traffic", "50.00"),
        ("ExtendedSupport:MySQL5.7", "vCPU-Hours", "extended support", "100.00"),
    ],
)
def test_networks_and_fees(meter, unit, kind, saving):
    one = stored("r", meter, "100", unit=unit, category="Networking", subcategory="Network", type="thing")
    found, _ = advise([one])
    assert found == {"r": (kind, D(saving))}


def test_a_balancer_with_traffic_is_no_idle_one_and_small_change_is_left():
    busy = [
        stored("lb", "LoadBalancerUsage", "20", unit="Hours", category="Networking"),
        stored("lb", "LCUUsage", "5", unit="LCU-Hours", category="Networking", sku="lcu"),
    ]
    assert advise(busy)[0] == {}
    assert advise([stored("ip", "PublicIPv4:IdleAddress", "3", unit="Hours", category="Networking")])[0] == {}
