"""Incidents as files that others take: tickets, a sheet for feedback, and alert rules of the providers.

References
----------
AWS Cost Explorer API, CreateAnomalyMonitor and CreateAnomalySubscription, docs.aws.amazon.com/cli (read 2026-11-26; the
requests are held to the service model of botocore by a test).
Azure Cost Management, scheduledActions of kind InsightAlert, learn.microsoft.com/azure/cost-management-billing/understand/
analyze-unexpected-charges, and Azure/bicep-types-az (read 2026-11-26; documented form, not run against it here).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from helpers.actions.csvs import table_text
from helpers.terms.money import plain, ratio

TICKETS = ("id", "title", "owner", "department", "due", "began", "alert", "state", "above_expected", "a_month_more", "currency", "cause", "place", "do")  # fmt: skip
FEEDBACK = ("match_on", "match_value", "verdict", "said_on", "from", "until", "least", "by", "note", "#name", "#above_expected", "#cause")  # fmt: skip
DUE = {True: 2, False: 10}  # days for what goes on, and for what ended
ADDRESS = "finops@example.com"  # to be replaced: whoever reads the alerts
LEAST_RULE = Decimal(10)  # [currency a day]


def files(review: Any, *, today: date) -> dict[str, str]:
    """File name to text; none where there is no alarm but for the rules.

    Parameters
    ----------
    review : object
        alarms (of the month), currency, in_month, found.spent (by month).
    today : date
    """
    found: dict[str, str] = {}
    if review.alarms:
        rows = _tickets(review, today)
        found["tickets.csv"] = _csv(TICKETS, rows)
        found["tickets.json"] = json.dumps(rows, indent=1, ensure_ascii=False, default=plain) + "\n"
        found["anomaly_feedback.csv"] = feedback(review)
    providers = {i.provider for i in review.found.incidents}
    least = least_of(review)
    if least is not None:
        if any("aws" in p.casefold() or "amazon" in p.casefold() for p in providers):
            found["aws-anomaly-monitors.json"] = aws(review, least)
        if any("microsoft" in p.casefold() or "azure" in p.casefold() for p in providers):
            found["azure-anomaly-alerts.json"] = azure(review, today)
    return found


def least_of(review: Any) -> Decimal | None:
    """A thousandth of a usual day, rounded up to ten: what the kit itself takes as worth a look [currency a day]."""
    spent = review.found.spent.get(str(review.month))
    if not spent:
        return None
    day = ratio(spent, review.month.days)
    tens = (day / 1000 / LEAST_RULE).to_integral_value(ROUND_CEILING)
    return max(tens, Decimal(1)) * LEAST_RULE


def _tickets(review: Any, today: date) -> list[dict[str, Any]]:
    """One line for each alarm, for a ticket system's import."""
    return [
        {
            "id": i.id,
            "title": f"{i.name}: {plain(review.in_month(i))} {review.currency} above the expected in {review.month.title}",
            "owner": i.owner,
            "department": i.department,
            "due": (today + timedelta(days=DUE[i.lasts])).isoformat(),
            "began": i.start.isoformat(),
            "alert": i.seen.isoformat(),
            "state": "goes on" if i.lasts else "ended",
            "above_expected": review.in_month(i),
            "a_month_more": i.month_more if i.lasts else "",
            "currency": review.currency,
            "cause": i.cause.words,
            "place": " / ".join(p for p in (i.provider, i.account, i.service, i.region, i.resource_id) if p),
            "do": "Stop it or say why it is meant; write the answer into anomaly_feedback.csv"
            if i.lasts
            else "Find the release or change behind it; write the answer into anomaly_feedback.csv",
        }
        for i in review.alarms
    ]


def feedback(review: Any) -> str:
    """A sheet to fill in: `verdict` and `said_on` of each alarm; rows without a verdict are not read."""
    rows = [
        dict.fromkeys(FEEDBACK, "")
        | {
            "match_on": "incident",
            "match_value": i.id,
            "#name": i.name,
            "#above_expected": review.in_month(i),
            "#cause": i.cause.words,
        }
        for i in review.alarms
    ]
    return _csv(FEEDBACK, rows)


def aws(review: Any, least: Decimal) -> str:
    """Requests for `aws ce create-anomaly-monitor` and `create-anomaly-subscription`; the answers' ARNs go into the second."""
    import re

    def accounts(several: Sequence[Any]) -> list[str]:
        found = {m for i in several for p in i.parts if (m := re.search(r"(?<=:)\d{12}(?=:)", p))}
        return sorted({m[0] for m in found})

    named = accounts([i for i in review.found.incidents if "aws" in i.provider.casefold()])
    monitors: list[dict[str, Any]] = [
        {"AnomalyMonitor": {"MonitorName": "finops-by-service", "MonitorType": "DIMENSIONAL", "MonitorDimension": "SERVICE"}}
    ]  # fmt: skip
    if named:
        values = {"Dimensions": {"Key": "LINKED_ACCOUNT", "Values": named[:10]}}
        custom = {"MonitorName": "finops-accounts-with-incidents", "MonitorType": "CUSTOM", "MonitorSpecification": values}  # fmt: skip
        monitors.append({"AnomalyMonitor": custom})
    above = {"Key": "ANOMALY_TOTAL_IMPACT_ABSOLUTE", "MatchOptions": ["GREATER_THAN_OR_EQUAL"], "Values": [plain(least)]}  # fmt: skip
    subscription = {
        "AnomalySubscription": {
            "SubscriptionName": "finops-daily",
            "MonitorArnList": ["arn:aws:ce::000000000000:anomalymonitor/REPLACE-WITH-THE-ANSWER"],
            "Subscribers": [{"Type": "EMAIL", "Address": ADDRESS}],
            "Frequency": "DAILY",
            "ThresholdExpression": {"Dimensions": above},
        }
    }
    told = "run the first with: aws ce create-anomaly-monitor --cli-input-json; put the ARNs of the answers and your address into the second, then: aws ce create-anomaly-subscription --cli-input-json"
    return json.dumps({"#": told, "create-anomaly-monitor": monitors, "create-anomaly-subscription": subscription}, indent=1) + "\n"  # fmt: skip


def azure(review: Any, today: date) -> str:
    """Bodies of scheduledActions of kind InsightAlert, one for each subscription with an incident (else one to fill in)."""
    import re

    found = {
        m[0]
        for i in review.found.incidents
        for p in i.parts
        if (m := re.match(r"/subscriptions/[0-9a-fA-F-]{36}", p))
    }
    scopes = sorted(found) or ["/subscriptions/00000000-0000-0000-0000-000000000000"]
    actions = [
        {
            "scope": scope,
            "name": "finops-daily-anomaly",
            "kind": "InsightAlert",
            "properties": {
                "displayName": "Daily anomaly",
                "status": "Enabled",
                "viewId": f"{scope}/providers/Microsoft.CostManagement/views/ms:DailyAnomalyByResourceGroup",
                "schedule": {
                    "frequency": "Daily",
                    "startDate": f"{today.isoformat()}T00:00:00Z",
                    "endDate": f"{(today + timedelta(days=365)).isoformat()}T00:00:00Z",
                },
                "notification": {"to": [ADDRESS], "subject": "Cost anomaly detected"},
            },
        }
        for scope in scopes
    ]
    return json.dumps({"#": "PUT {scope}/providers/Microsoft.CostManagement/scheduledActions/{name}?api-version=2023-11-01 with kind and properties; put your address in", "scheduledActions": actions}, indent=1) + "\n"  # fmt: skip


def _csv(columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> str:
    import pandas as pd

    return table_text(pd.DataFrame(rows, columns=list(columns), dtype=object))
