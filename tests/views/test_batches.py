"""The page of a batch: plain findings first, text from data as text, links that stay in the batch's folder."""

from __future__ import annotations

import re
from typing import Any

from helpers.views import batches


def summary(*reports: dict[str, Any], **more: Any) -> dict[str, Any]:
    states = [r["state"] for r in reports]
    counts = {s: states.count(s) for s in ("done", "standing", "failed", "not made")} | {"delivered": 0, "not delivered": 0}  # fmt: skip
    return {
        "plan": "nightly", "began": "2026-11-26T03:00:00+00:00", "ended": "2026-11-26T03:10:00+00:00", "seconds": 600.0,
        "workers": 2, "kit": "0", "stopped": None, "as_of": "2026-10-05", "versions_read": ["ab12"], "reconciled": True,
        "lines_reconciled": 12, "seconds_of_a_report": {"median": 1.0, "longest": 2.0}, "counts": counts,
        "reports": list(reports),
    } | more  # fmt: skip


def report(name: str = "2026-09/Search", state: str = "done", **more: Any) -> dict[str, Any]:
    return {
        "report": name, "state": state, "why": "new", "deliveries": [], "headline": "Search cost 5", "lines": 6,
        "exact": True, "seconds": 1.5, "changed": [], "changed_count": 0,
    } | more  # fmt: skip


FAILED = {"error": "RunFailed", "found": "tiny stopped: 1 / 0", "needed": "", "remedy": "mend it", "cell": 4, "section": "Change", "kept": "x.failed/1"}  # fmt: skip


def test_what_is_lacking_is_the_first_thing_said():
    page = batches.page(summary(report(), report("2026-09/x", "failed", error=FAILED)))
    assert "<h1>1 of 2 reports are there; 1 is not</h1>" in page
    assert page.index("What is missing, and why") < page.index("<h2>Reports</h2>")
    for said in (
        "in “Change” · cell 4",
        "tiny stopped: 1 / 0",
        "mend it",
        'href="2026-09/x.failed/1/error.txt"',
    ):
        assert said in page


def test_all_there_says_so_and_names_what_changed():
    changed = [{"kpi": "spend · USD", "before": "1234.5678", "after": None}]
    page = batches.page(summary(report(changed=changed, changed_count=1)))
    assert "The report is there" in page
    assert "1,234.57" in page and "not known" in page
    assert "12 lines reconciled with their sources, difference 0.00." in page


def test_text_from_data_stays_text_and_links_stay_inside():
    hostile = '<img src=x onerror=alert(1)>"\u202e'
    page = batches.page(
        summary(
            report("2026-09/a b%2E", headline=hostile),
            report("2026-09/y", "failed", error=FAILED | {"found": hostile, "remedy": hostile}),
            stopped={"found": hostile, "remedy": ""},
            plan=hostile,
        )
    )
    assert "<img" not in page and "\u202e" not in page and "<script" not in page
    assert 'href="2026-09/a%20b%252E/index.html"' in page
    links = re.findall(r'href="([^"]*)"', page)
    assert all(link == "data:," or re.match(r"2026-09/", link) for link in links)
    assert "default-src 'none'" in page.replace("&#x27;", "'")


def test_a_stopped_batch_says_what_to_do():
    stopped = {"found": "stopped", "remedy": "finops batch run plan.yaml goes on where it stopped"}
    page = batches.page(summary(report(), report("2026-09/z", "not made"), stopped=stopped))
    assert "Stopped finops batch run plan.yaml goes on where it stopped" in page
    assert "1 not made: the batch was stopped." in page
