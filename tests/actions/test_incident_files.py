"""Files of incidents: tickets, feedback that can be ingested, and alert rules that the providers' own models accept."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal as D
from types import SimpleNamespace as N

import pytest

from helpers.actions import incidents
from helpers.terms.period import Month

TODAY = date(2026, 10, 5)


def incident(**more):
    usual = {
        "id": "2026-09-01-0123abcd", "name": "=m0", "owner": "Ana", "department": "Shop", "provider": "AWS", "account": "prod",
        "service": "Machines", "region": "eu", "resource_id": "arn:aws:ec2:eu:200000000019:instance/i-1", "start": date(2026, 9, 1),
        "seen": date(2026, 9, 1), "lasts": True, "month_more": D("30.42"), "cause": N(words="more was used"),
        "parts": ("arn:aws:ec2:eu:200000000019:instance/i-1",),
    }  # fmt: skip
    return N(**(usual | more))


def review(*alarms, spent=D(90_000)):
    return N(
        alarms=list(alarms), currency="USD", month=Month(2026, 9), in_month=lambda i: D("12.50"),
        found=N(incidents=list(alarms), spent={"2026-09": spent}),
    )  # fmt: skip


AZURE = "/subscriptions/5e6b1c1e-0000-4000-9000-000000000021/resourceGroups/rg/providers/x/y"


def test_no_alarm_no_ticket_and_no_rule_without_that_provider():
    assert incidents.files(review(), today=TODAY) == {}
    assert set(incidents.files(review(incident(provider="Oracle", parts=())), today=TODAY)) == {"tickets.csv", "tickets.json", "anomaly_feedback.csv"}  # fmt: skip


def test_tickets_carry_the_id_and_no_cell_runs_as_a_formula():
    files = incidents.files(review(incident(), incident(lasts=False)), today=TODAY)
    rows = list(csv.DictReader(io.StringIO(files["tickets.csv"])))
    assert [r["due"] for r in rows] == ["2026-10-07", "2026-10-15"]
    assert rows[0]["title"].startswith("'=m0") and rows[0]["above_expected"] == "12.5"
    assert rows[1]["a_month_more"] == ""
    assert json.loads(files["tickets.json"])[0]["id"] == "2026-09-01-0123abcd"
    (behind,) = csv.DictReader(io.StringIO(incidents.feedback(review(incident(name="\u00a0=m0")))))
    assert behind["#name"] == "'\u00a0=m0", "spreadsheets skip the blank before a formula"


def test_the_sheet_for_feedback_is_ingested_once_it_is_filled(tmp_path):
    from helpers.data import companions

    text = incidents.feedback(review(incident()))
    path = tmp_path / "anomaly_feedback.csv"
    path.write_text(text, "utf-8")
    assert companions.read(path).num_rows == 0, "nobody filled it in"
    rows = list(csv.reader(io.StringIO(text)))
    at = {c: n for n, c in enumerate(rows[0])}
    rows[1][at["verdict"]], rows[1][at["said_on"]] = "true", "2026-10-05"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    (row,) = companions.read(path).to_pylist()
    assert (row["match_on"], row["match_value"], row["verdict"]) == (
        "incident",
        "2026-09-01-0123abcd",
        "true",
    )


def test_requests_to_aws_fit_its_service_model():
    botocore = pytest.importorskip("botocore.session")
    from botocore.validate import ParamValidator

    told = json.loads(incidents.files(review(incident()), today=TODAY)["aws-anomaly-monitors.json"])
    model = botocore.get_session().get_service_model("ce")
    for request in told["create-anomaly-monitor"]:
        assert (
            not ParamValidator()
            .validate(request, model.operation_model("CreateAnomalyMonitor").input_shape)
            .has_errors()
        )
    one = told["create-anomaly-subscription"]
    assert (
        not ParamValidator()
        .validate(one, model.operation_model("CreateAnomalySubscription").input_shape)
        .has_errors()
    )
    assert one["AnomalySubscription"]["ThresholdExpression"]["Dimensions"]["Values"] == ["10"]
    accounts = told["create-anomaly-monitor"][1]["AnomalyMonitor"]["MonitorSpecification"]["Dimensions"][
        "Values"
    ]
    assert accounts == ["200000000019"]


def test_azure_gets_a_rule_for_each_subscription():
    told = json.loads(incidents.files(review(incident(provider="Microsoft", parts=(AZURE,))), today=TODAY)["azure-anomaly-alerts.json"])  # fmt: skip
    (rule,) = told["scheduledActions"]
    assert rule["kind"] == "InsightAlert" and rule["scope"].endswith("000000000021")
    assert rule["properties"]["viewId"].endswith("views/ms:DailyAnomalyByResourceGroup")
    assert rule["properties"]["schedule"]["endDate"] == "2027-10-05T00:00:00Z"


def test_the_least_is_a_thousandth_of_a_day_rounded_up_to_ten():
    assert incidents.least_of(review(spent=D(90_000))) == 10
    assert incidents.least_of(review(spent=D(900_000))) == 30
    assert incidents.least_of(review(spent=D(0))) is None
