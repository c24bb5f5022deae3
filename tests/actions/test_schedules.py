"""Schedule files: what other tools read is read by those tools here, and what they do is what the plan says."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
import yaml

from helpers.actions import schedules
from helpers.data import companions
from helpers.terms.week import Week

OFFICE = Week.parse("mon-fri 07:45-19:00", "America/New_York", skip=[date(2026, 12, 25)])
SPLIT = Week.parse("mon-thu 08:00-12:00; mon-thu 13:00-18:00; sat 10:00-14:00", "Europe/Berlin")


def given(
    resource="arn:aws:ec2:us-east-1:1:instance/i-0abc", week=OFFICE, provider="AWS", region="us-east-1"
):
    advice = SimpleNamespace(kind="schedule", resource_id=resource, provider=provider, region=region)
    return advice, SimpleNamespace(name="dev", week=week)


def files(*pairs):
    return schedules.files(
        {a.resource_id: p for a, p in pairs}, [a for a, _ in pairs], today=date(2026, 10, 5)
    )


def test_without_a_plan_there_is_no_file():
    assert schedules.files({}, [], today=date(2026, 10, 5)) == {}
    only = SimpleNamespace(kind="idle machine", resource_id="x", provider="AWS", region="")
    assert schedules.files({"x": given()[1]}, [only], today=date(2026, 10, 5)) == {}


@pytest.mark.parametrize(
    "week",
    [
        OFFICE,
        SPLIT,
        Week.parse("mon-fri 07:00-24:00", "UTC"),
        Week.parse("sun 22:00-24:00; mon 00:00-06:00", "UTC"),
    ],
)
def test_custodian_takes_the_policies_by_its_own_schema(week):
    from c7n.resources import load_resources
    from c7n.schema import validate

    load_resources(("aws.ec2", "aws.rds"))
    pairs = [given(week=week), given("arn:aws:rds:us-east-1:1:db:shop", week)]
    policies = yaml.safe_load(files(*pairs)["custodian.yml"])
    assert validate(policies) == []
    assert {p["resource"] for p in policies["policies"]} == {"ec2", "rds"}


def test_custodian_hours_never_shorten_what_is_on():
    assert schedules.custodian_hours(OFFICE) == "off=[(M-F,19)];on=[(M-F,7)]"
    assert (
        schedules.custodian_hours(Week.parse("mon,wed 08:00-18:15", "UTC"))
        == "off=[(M,19),(W,19)];on=[(M,8),(W,8)]"
    )
    assert schedules.custodian_hours(Week.parse("fri 08:00-24:00", "UTC")) == "off=[(S,0)];on=[(F,8)]"
    assert schedules.custodian_hours(Week.parse("mon-tue 00:00-24:00", "UTC")) == "off=[(W,0)];on=[(M,0)]"


def test_custodian_runs_dry_against_a_simulated_account(tmp_path, monkeypatch):
    """Tag, then ask at 19:30 and at noon: only the first finds the machine, and a dry run stops nothing."""
    import boto3
    import c7n.filters.offhours as clock
    from c7n.config import Config
    from c7n.loader import PolicyLoader
    from c7n.resources import load_resources
    from moto import mock_aws

    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    load_resources(("aws.ec2",))
    with mock_aws():
        ec2 = boto3.client("ec2", region_name="us-east-1")
        image = ec2.describe_images()["Images"][0]["ImageId"]
        mine, other = (
            i["InstanceId"] for i in ec2.run_instances(ImageId=image, MinCount=2, MaxCount=2)["Instances"]
        )
        text = files(given(f"arn:aws:ec2:us-east-1:1:instance/{mine}"))["custodian.yml"]
        tag, stop, start = yaml.safe_load(text)["policies"]
        ec2.create_tags(
            Resources=[mine], Tags=[{"Key": tag["actions"][0]["key"], "Value": tag["actions"][0]["value"]}]
        )
        options = Config.empty(
            dryrun=True, output_dir=str(tmp_path), region="us-east-1", account_id="123456789012"
        )

        def found(policy, local):
            now = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo("America/New_York"))

            class Fixed(datetime):
                @classmethod
                def now(cls, tz=None):
                    return now.astimezone(tz) if tz else now

            monkeypatch.setattr(
                clock, "datetime", SimpleNamespace(datetime=Fixed, timedelta=timedelta, date=date)
            )
            loaded = PolicyLoader(options).load_data({"policies": [policy]}, "memory").policies[0]
            return {r["InstanceId"] for r in loaded.run() or []}

        assert found(stop, "2026-10-05T19:30") == {mine}
        assert found(stop, "2026-10-05T12:30") == set()
        assert found(stop, "2026-10-10T19:30") == set()  # Saturday
        states = {
            i["InstanceId"]: i["State"]["Name"]
            for r in ec2.describe_instances()["Reservations"]
            for i in r["Instances"]
        }
        assert states == {mine: "running", other: "running"}
        ec2.stop_instances(InstanceIds=[mine])
        assert found(start, "2026-10-06T07:10") == {mine}
        assert found(start, "2026-12-25T07:10") == set()  # a holiday of the plan


def test_instance_scheduler_has_a_period_for_each_stretch():
    found = yaml.safe_load(files(given(week=SPLIT))["instance-scheduler.yml"])
    (one,) = found["Resources"].values()
    assert one["Type"] == "Custom::ServiceInstanceSchedule"
    assert one["Properties"]["Timezone"] == "Europe/Berlin"
    assert one["Properties"]["Enforced"] == "False"  # a manual start stays until the next event
    periods = one["Properties"]["Periods"]
    assert len(periods) == 9
    assert periods[0] == {
        "Description": "mon 08:00",
        "BeginTime": "08:00",
        "EndTime": "12:00",
        "WeekDays": "Mon",
    }
    all_day = yaml.safe_load(
        files(given(week=Week.parse("sat 00:00-24:00", "UTC")))["instance-scheduler.yml"]
    )
    assert next(iter(all_day["Resources"].values()))["Properties"]["Periods"][0]["EndTime"] == "23:59"


def test_azure_and_google_say_the_same_times():
    vm = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/dev"
    azure = json.loads(files(given(vm, OFFICE, "Microsoft", "eastus"))["azure-start-stop.json"])["schedules"]
    assert [(s["body"]["Action"], s["recurrence"]["schedule"]["hours"], s["recurrence"]["schedule"]["minutes"]) for s in azure] == [
        ("start", [7], [45]), ("stop", [19], [0]),
    ]  # fmt: skip
    assert azure[0]["body"]["RequestScopes"]["VMLists"] == [vm]
    (google,) = json.loads(files(given("//compute/x", OFFICE, "Google", "us-east1"))["google-schedules.json"])
    policy = google["resourcePolicy"]["instanceSchedulePolicy"]
    assert policy == {
        "timeZone": "America/New_York", "vmStartSchedule": {"schedule": "45 7 * * 1,2,3,4,5"}, "vmStopSchedule": {"schedule": "0 19 * * 1,2,3,4,5"},
    }  # fmt: skip
    (wide,) = json.loads(files(given("//compute/x", SPLIT, "Google", "us-east1"))["google-schedules.json"])
    assert "Widened" in wide["resourcePolicy"]["description"]
    assert wide["resourcePolicy"]["instanceSchedulePolicy"]["vmStartSchedule"]["schedule"].startswith("0 8 ")


def test_the_calendar_holds_the_plan_with_its_holidays():
    import icalendar

    book = icalendar.Calendar.from_ical(files(given())["schedules.ics"])
    (event,) = list(book.walk("VEVENT"))
    start = event.decoded("dtstart")
    assert (start.hour, start.minute, start.tzinfo.key) == (7, 45, "America/New_York")
    assert event.decoded("duration") == timedelta(hours=11, minutes=15)
    assert event["rrule"]["byday"] == ["MO", "TU", "WE", "TH", "FR"]
    assert event["exdate"].dts[0].dt.date() == date(2026, 12, 25)


def test_cron_lines_name_their_zone_and_quote_ids():
    text = files(given("x'; rm -rf / #%"))["schedules.cron"]
    assert "CRON_TZ=America/New_York" in text
    assert "45 7 * * 1,2,3,4,5 START 'x'\\''; rm -rf / #\\%'" in text


def test_the_companion_is_read_back_and_is_the_same_week(tmp_path):
    path = tmp_path / "schedules.csv"
    path.write_text(files(given(week=SPLIT))["schedules.csv"], "utf-8")
    assert companions.recognise(next(csv.reader(io.StringIO(path.read_text("utf-8"))))) == "schedules"
    (row,) = companions.read(path).to_pylist()
    assert Week.parse(row["week"], row["zone"]) == SPLIT


def test_one_way_plans_have_one_kind_of_event():
    week = Week.parse("mon-fri 08:00-18:00", "UTC", mode="stop only")
    text = files(given(week=week))
    assert "START" not in text["schedules.cron"].split("\n", 1)[1]
    assert [p["actions"] for p in yaml.safe_load(text["custodian.yml"])["policies"][1:]] == [["stop"]]
    assert datetime(2026, 10, 5, tzinfo=UTC)
