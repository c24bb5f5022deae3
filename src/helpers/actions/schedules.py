"""Plans as files that schedulers run: Cloud Custodian, AWS Instance Scheduler, Azure, Google, cron, iCalendar.

All of them act at the plan's transitions only, so what a person starts by hand stays until the next one. Cloud Custodian
knows whole hours: a start is taken earlier, a stop later, so that nothing needed is off.

References
----------
Cloud Custodian, off hours, https://cloudcustodian.io/docs/quickstart/offhours.html (schema of c7n 0.9.51).
AWS Instance Scheduler, operator guide and period reference, docs.aws.amazon.com/solutions (read 2026-11-26).
Azure Start/Stop VMs v2, learn.microsoft.com/azure/azure-functions/start-stop-vms; Google, resource policies of Compute
Engine, cloud.google.com/compute/docs/instances/schedule-instance-start-stop (documented forms; not run against them here).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from helpers.terms.week import DAYS, QUARTERS, Week

TAG = "finops-schedule"
C7N_DAYS = "MTWHFSU"
SHORT = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
AZURE_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def files(plans: Mapping[str, Any], advice: Any, *, today: date) -> dict[str, str]:
    """Every file for the plans that are advised; none where there is no plan.

    Parameters
    ----------
    plans : mapping
        resource_id -> object with `name` and `week`.
    advice : iterable of Advice
        Those of kind ``schedule`` are written, with their provider, service and region.
    today : date
        First day of the calendar's events.

    Returns
    -------
    dict
        File name -> text.
    """
    chosen = [(a, plans[a.resource_id]) for a in advice if a.kind == "schedule" and a.resource_id in plans]
    if not chosen:
        return {}
    of = {p: [(a, x) for a, x in chosen if a.provider == p] for p in ("AWS", "Microsoft", "Google")}
    found = {
        "schedules.csv": companion(chosen),
        "schedules.ics": calendar(chosen, today),
        "schedules.cron": cron(chosen),
    }
    if of["AWS"]:
        found |= {
            "custodian.yml": custodian(of["AWS"]),
            "instance-scheduler.yml": instance_scheduler(of["AWS"]),
        }
    if of["Microsoft"]:
        found["azure-start-stop.json"] = azure(of["Microsoft"])
    if of["Google"]:
        found["google-schedules.json"] = google(of["Google"])
    return found


def custodian(chosen) -> str:
    """Cloud Custodian policies: one that tags the machines with their hours, one that stops and one that starts them."""
    import yaml

    policies: list[dict[str, Any]] = []
    kinds: dict[str, list[Any]] = {}
    for advice, plan in chosen:
        kinds.setdefault("rds" if ":rds:" in advice.resource_id else "ec2", []).append((advice, plan))
    for kind, some in sorted(kinds.items()):
        key = "DBInstanceIdentifier" if kind == "rds" else "InstanceId"
        groups: dict[tuple[str, str], list[str]] = {}
        skips: dict[tuple[str, str], tuple[str, ...]] = {}
        for advice, plan in some:
            at = custodian_hours(plan.week), plan.week.zone
            groups.setdefault(at, []).append(advice.resource_id.rsplit("/" if kind == "ec2" else ":", 1)[-1])
            skips[at] = tuple(str(d) for d in sorted(plan.week.skip))
        for n, ((hours, zone), ids) in enumerate(sorted(groups.items()), 1):
            tag = f"{TAG}-{n}"
            policies.append(
                {
                    "name": f"{kind}-{tag}-tag",
                    "resource": kind,
                    "description": "Writes the hours that the report proposes onto the machines; run it once.",
                    "filters": [{"type": "value", "key": key, "op": "in", "value": sorted(ids)}],
                    "actions": [{"type": "tag", "key": tag, "value": f"{hours};tz={zone}"}],
                }
            )
            skip = {"skip-days": list(skips[hours, zone])} if skips[hours, zone] else {}
            for word, hour, action in (("offhour", 19, "stop"), ("onhour", 7, "start")):
                if (word == "onhour" and "on=[]" in hours) or (word == "offhour" and "off=[]" in hours):
                    continue
                time_filter = {"type": word, word: hour, "tag": tag, "default_tz": zone, "opt-out": False}
                policies.append(
                    {
                        "name": f"{kind}-{tag}-{action}",
                        "resource": kind,
                        "filters": [time_filter | (skip if word == "onhour" else {})],
                        "actions": [action],
                    }
                )
    return yaml.safe_dump({"policies": policies}, sort_keys=False, allow_unicode=True)


def custodian_hours(week: Week) -> str:
    """Hours as Cloud Custodian's tag has them: ``off=[(M-F,19)];on=[(M-F,7)]``, by what happens on each day."""
    events = _events(week)
    sides = {"off": [], "on": []}
    for kind, side in (("stop", "off"), ("start", "on")):
        hours: dict[int, list[int]] = {}
        for day, quarter, what in events:
            if what == kind:
                at = day * 24 + (quarter // 4 if kind == "start" else -(-quarter // 4))
                hours.setdefault(at % 24, []).append(at // 24 % 7)
        for hour, days in sorted(hours.items()):
            sides[side] += [f"({_c7n_days(run)},{hour})" for run in _runs(sorted(set(days)))]
    return ";".join(f"{side}=[{','.join(v)}]" for side, v in sides.items())


def instance_scheduler(chosen) -> str:
    """Schedules as CloudFormation resources of AWS Instance Scheduler; its stack's token is a parameter."""
    import yaml

    resources: dict[str, Any] = {}
    notes: dict[str, list[str]] = {}
    for advice, plan in chosen:
        name = _name(plan.week)
        notes.setdefault(name, []).append(advice.resource_id)
        periods = [
            {"Description": f"{DAYS[day]} {_clock(a)}", "BeginTime": _clock(a), "EndTime": _end(b), "WeekDays": DAYS[day].capitalize()}
            for day, stretches in enumerate(plan.week.on)
            for a, b in stretches
        ]  # fmt: skip
        resources[re.sub(r"[^A-Za-z0-9]", "", name.title())] = {
            "Type": "Custom::ServiceInstanceSchedule",
            "Properties": {
                "ServiceToken": {"Ref": "SchedulerToken"},
                "NoStackPrefix": "True",
                "Name": name,
                "Description": f"For {', '.join(sorted(notes[name]))}"[:1000],
                "Timezone": plan.week.zone,
                "Enforced": "False",
                "Periods": periods,
            },
        }
    template = {
        "Description": "Schedules proposed by the report. Tag each machine with Schedule=<Name>.",
        "Parameters": {
            "SchedulerToken": {
                "Type": "String",
                "Description": "ServiceInstanceScheduleServiceToken of the stack",
            }
        },
        "Resources": resources,
    }
    return yaml.safe_dump(template, sort_keys=False, allow_unicode=True)


def azure(chosen) -> str:
    """Start/Stop VMs v2: for each plan the two recurrences of its logic apps and the body that they send."""
    found = []
    for week, ids in _by_week(chosen):
        for kind, word in (("start", "start"), ("stop", "stop")):
            for quarter, days in _by_time(week, kind):
                found.append(
                    {
                        "name": f"{_name(week)}-{word}-{_clock(quarter).replace(':', '')}",
                        "recurrence": {
                            "frequency": "Week",
                            "interval": 1,
                            "timeZone": week.zone,
                            "schedule": {
                                "weekDays": [AZURE_DAYS[d] for d in days],
                                "hours": [quarter // 4],
                                "minutes": [quarter % 4 * 15],
                            },
                        },
                        "body": {
                            "Action": word,
                            "EnableClassic": False,
                            "RequestScopes": {"ExcludedVMLists": [], "VMLists": ids},
                        },
                    }
                )
    return json.dumps({"schedules": found}, indent=1) + "\n"


def google(chosen) -> str:
    """Instance schedules as resource policies: one for each plan and region. One policy has one start and one stop a day: a
    plan with more is widened to the first start and the last stop of a day, and says so."""
    groups: dict[tuple[Week, str], list[str]] = {}
    for advice, plan in chosen:
        groups.setdefault((plan.week, advice.region), []).append(advice.resource_id)
    found = []
    for (week, region), ids in groups.items():
        events = {kind: _by_time(week, kind) for kind in ("start", "stop")}
        wide = any(len(e) > 1 for e in events.values())
        policy: dict[str, Any] = {"timeZone": week.zone}
        for kind, field in (("start", "vmStartSchedule"), ("stop", "vmStopSchedule")):
            if events[kind]:
                quarter = (
                    min(q for q, _ in events[kind]) if kind == "start" else max(q for q, _ in events[kind])
                )
                days = sorted({d for _, some in events[kind] for d in some})
                policy[field] = {"schedule": f"{quarter % 4 * 15} {quarter // 4} * * {_cron_days(days)}"}
        found.append(
            {
                "region": region,
                "resourcePolicy": {
                    "name": f"{_name(week)}-{region}"[:63].rstrip("-"),
                    "description": "Widened to one start and one stop a day." if wide else week.words,
                    "instanceSchedulePolicy": policy,
                },
                "attachTo": sorted(ids),
            }
        )
    return json.dumps(found, indent=1) + "\n"


def cron(chosen) -> str:
    """Lines of a crontab, each with its zone; ``START`` and ``STOP`` stand for your commands."""
    lines = ["# START and STOP are commands of yours that take a resource's id."]
    for week, ids in _by_week(chosen):
        lines.append(f"CRON_TZ={week.zone}")
        for kind, word in (("start", "START"), ("stop", "STOP")):
            for quarter, days in _by_time(week, kind):
                lines += [
                    f"{quarter % 4 * 15} {quarter // 4} * * {_cron_days(days)} {word} '{_quoted(i)}'"
                    for i in ids
                ]
    return "\n".join(lines) + "\n"


def calendar(chosen, today: date) -> str:
    """iCalendar: when each plan is on, so that its people see it beside their meetings."""
    import icalendar

    book = icalendar.Calendar()
    book.add("prodid", "-//finops-playbook-kit//schedules//EN")
    book.add("version", "2.0")
    stamp = datetime.combine(today, time(), UTC)
    for week, ids in _by_week(chosen):
        zone = ZoneInfo(week.zone)
        for (a, b), days in _stretches(week).items():
            first = next(
                today + timedelta(days=n) for n in range(7) if (today + timedelta(days=n)).weekday() in days
            )
            start = datetime.combine(first, time(), zone) + a * timedelta(minutes=15)
            event = icalendar.Event()
            event.add("uid", f"{_name(week)}-{a}-{b}-{'-'.join(map(str, days))}@finops-playbook-kit")
            event.add("dtstamp", stamp)
            event.add("summary", f"On: {len(ids)} machine{'s'[: len(ids) > 1]}")
            event.add("description", "\n".join(ids))
            event.add("dtstart", start)
            event.add("duration", (b - a) * timedelta(minutes=15))
            event.add("rrule", {"freq": "weekly", "byday": [SHORT[d] for d in days]})
            for day in sorted(d for d in week.skip if d >= first and d.weekday() in days):
                event.add("exdate", datetime.combine(day, time(), zone) + a * timedelta(minutes=15))
            book.add_component(event)
    return book.to_ical().decode("utf-8")


def companion(chosen) -> str:
    """``schedules.csv`` for `finops ingest`: from then on adherence is measured."""
    import csv
    import io

    from helpers.actions.csvs import safe_cell

    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(("resource_id", "zone", "week", "mode", "valid_from", "valid_to"))
    for advice, plan in chosen:
        lines.writerow(
            [
                safe_cell(x)
                for x in (advice.resource_id, plan.week.zone, plan.week.text, plan.week.mode, None, None)
            ]
        )
    return text.getvalue()


def _by_week(chosen) -> list[tuple[Week, list[str]]]:
    groups: dict[Week, list[str]] = {}
    for advice, plan in chosen:
        groups.setdefault(plan.week, []).append(advice.resource_id)
    return [(w, sorted(ids)) for w, ids in sorted(groups.items(), key=lambda g: (g[0].zone, g[0].text, g[1]))]


def _events(week: Week) -> list[tuple[int, int, str]]:
    """(day, quarter, ``start`` or ``stop``) of a usual week; what runs through midnight is no event."""
    found = []
    for day, stretches in enumerate(week.on):
        for a, b in stretches:
            if not (a == 0 and any(y == QUARTERS for _, y in week.on[day - 1])):
                found.append((day, a, "start"))
            if not (b == QUARTERS and any(x == 0 for x, _ in week.on[(day + 1) % 7])):
                found.append(((day + b // QUARTERS) % 7, b % QUARTERS, "stop"))
    wanted = {"both": ("start", "stop"), "start only": ("start",), "stop only": ("stop",)}[week.mode]
    return [e for e in found if e[2] in wanted]


def _by_time(week: Week, kind: str) -> list[tuple[int, list[int]]]:
    times: dict[int, list[int]] = {}
    for day, quarter, what in _events(week):
        if what == kind:
            times.setdefault(quarter, []).append(day)
    return [(q, sorted(days)) for q, days in sorted(times.items())]


def _stretches(week: Week) -> dict[tuple[int, int], list[int]]:
    found: dict[tuple[int, int], list[int]] = {}
    for day, stretches in enumerate(week.on):
        for stretch in stretches:
            found.setdefault(stretch, []).append(day)
    return found


def _name(week: Week) -> str:
    place = week.zone.rsplit("/", 1)[-1].lower().replace("_", "-")
    return f"{TAG}-{re.sub(r'[^a-z0-9]+', '-', week.text)}-{place}"[:50].strip("-")


def _runs(days: list[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for day in days:
        if runs and day == runs[-1][-1] + 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _c7n_days(days: list[int]) -> str:
    return C7N_DAYS[days[0]] if len(days) == 1 else f"{C7N_DAYS[days[0]]}-{C7N_DAYS[days[-1]]}"


def _cron_days(days: list[int]) -> str:
    """Cron's Sunday is 0, our Monday is 0."""
    return ",".join(str((d + 1) % 7) for d in days)


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"


def _end(quarter: int) -> str:
    return "23:59" if quarter == QUARTERS else _clock(quarter)


def _quoted(text: str) -> str:
    return text.replace("'", "'\\''").replace("%", "\\%").replace("\n", " ")
