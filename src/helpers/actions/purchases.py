"""What procurement carries out, as files: purchases to approve, renewals and exchanges, the calendar, who gets the benefit.

Nothing is bought by the kit: ``purchases.csv`` is signed by whoever may, line by line, and comes back with its status.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from helpers.actions.csvs import table_text
from helpers.catalog.procurement import PURCHASE

RENEWALS = ("id", "name", "provider", "kind", "end", "end_basis", "verdict", "why", "exchange", "stake", "currency", "who", "decide_by")  # fmt: skip


def files(page: Any) -> dict[str, str]:
    """Name -> text, of a `helpers.catalog.procurement.Procurement`."""
    import pandas as pd

    from helpers.models import money_calendar

    bought = pd.DataFrame(page.purchases, columns=list(PURCHASE), dtype=object)
    table = money_calendar.frame(page.calendar)
    found = {
        "purchases.csv": table_text(bought),
        "renewals.csv": table_text(renewals(page.held, page.owner, page.run.as_of)),
        "money_calendar.csv": table_text(table),
        "benefit.csv": table_text(page.benefit),
        "money_calendar.ics": ics(page.calendar, today=page.run.as_of),
    }
    return {name: text for name, text in found.items() if text}


def renewals(held: Iterable[Any], owner: Any, today: date) -> Any:
    """What ends, what to renew at which size, what to exchange and what not to renew; a decision two weeks before the end."""
    import pandas as pd

    rows = []
    for h in held:
        if h.verdict in ("ended", "keep"):
            continue
        by = today if h.end is None or h.end <= today else max(h.end - timedelta(days=14), today)
        rows.append(
            {
                "id": h.id, "name": h.name, "provider": h.provider, "kind": h.instrument.name if h.instrument else h.type,
                "end": h.end, "end_basis": h.end_basis, "verdict": h.verdict, "why": h.why,
                "exchange": h.instrument.exchange if h.instrument else "", "stake": h.stake, "currency": h.currency,
                "who": owner(h.provider), "decide_by": by,
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(RENEWALS), dtype=object)


def ics(entries: Iterable[Any], *, today: date) -> str:
    """The calendar of money for any calendar program: one all-day event for each entry, with what doing nothing costs."""
    import icalendar

    book = icalendar.Calendar()
    book.add("prodid", "-//FinOps Playbook Kit//money//EN")
    book.add("version", "2.0")
    for e in entries:
        event = icalendar.Event()
        event.add("uid", f"{_uid(e)}@finops-playbook-kit")
        event.add("dtstamp", datetime.combine(today, time(), UTC))
        event.add("summary", f"{e.kind.capitalize()}: {e.what}")
        cost = (
            "not known" if e.nothing is None else f"{e.nothing:,.2f} {e.currency} {e.basis}".replace("-", "−")
        )
        event.add("description", f"{e.do}\nOwner: {e.owner}\nDoing nothing costs: {cost}")
        event.add("dtstart", max(e.day, today) if e.overdue else e.day)
        book.add_component(event)
    return book.to_ical().decode("utf-8")


def _uid(e: Any) -> str:
    import hashlib

    return hashlib.sha256(f"{e.kind}|{e.id}".encode()).hexdigest()[:24]
