"""``finops deliver``: one finished report to those who read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from helpers.terms.errors import KitError, NotDelivered, UsageError
from helpers.verbs.options import emit, json_option


@click.command()
@click.argument("report", metavar="REPORT")
@click.option("--to", "target", required=True, metavar="FOLDER|ADDRESS|FILE", help="A folder, an s3:// abfs:// gs:// address, or a .yaml file with a list deliver: (a plan, or its entries alone).")  # fmt: skip
@click.option("--format", "asked", metavar="LIST", default="", help="For a folder: html,pdf,xlsx,csv,parquet,json.  [default: html,xlsx,json]")  # fmt: skip
@click.option("--only", type=click.Choice(["folder", "email", "webhook"]), multiple=True, help="Only the deliveries of this kind.")  # fmt: skip
@click.option("--record", metavar="FILE", default="", help="What was sent, so that nothing goes out twice.  [default: REPORT.deliveries.jsonl]")  # fmt: skip
@click.option("--resend", is_flag=True, help="Send again what may have been sent (never what was).")
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing.")
@json_option
def deliver(report, target, asked, only, record, resend, dry_run, as_json) -> None:
    """Deliver a finished report to a folder, an object store, by e-mail or to a webhook; never twice.

    REPORT: the folder that finops report left. docs/delivery.md has an example of each kind.
    """
    from helpers.runs import delivery

    folder = Path(report)
    about = delivery.facts(folder)
    if target.lower().endswith((".yaml", ".yml")):
        if asked:
            raise UsageError("--format beside a file of deliveries", "one of the two", "write formats: into the file")  # fmt: skip
        found = delivery.entries(Path(target))
    else:
        entry: dict[str, Any] = {"folder": target}
        found = [delivery.read(entry | ({"formats": asked.split(",")} if asked else {}), "--to")]
    found = [d for d in found if not only or d.kind in only]
    if not found:
        raise UsageError(f"no delivery of the kind {' or '.join(only)}", "one that --to names", "leave --only out")  # fmt: skip
    book = Path(record or f"{folder.resolve()}.deliveries.jsonl")
    told: list[dict[str, Any]] = []
    failed: list[KitError] = []
    for each in found:
        if dry_run:
            shown = ", ".join(each.shown(t) for t in each.targets(about))
            told.append({"kind": each.kind, "to": shown, "state": "would be sent"})
        else:
            try:
                told.append(delivery.send(folder, each, book, resend=resend).record())
            except KitError as problem:
                failed.append(problem)
                told.append({"kind": each.kind, "to": each.where, "state": "failed", "note": problem.found})
        last = told[-1]
        note = f" ({last['note']})" if last.get("note") else ""
        click.echo(f"{last['state']}: {last['kind']} {last['to']}{note}")
    if as_json and not failed:
        emit({"report": str(folder), "version": about.version, "deliveries": told}, as_json)
    unsure = [t for t in told if t["state"] == delivery.UNSURE]
    if failed:
        if len(failed) == 1:
            raise failed[0]
        raise NotDelivered(f"{len(failed)} of {len(found)} deliveries failed: " + "; ".join(p.found for p in failed[:5]), "", "mend each and run it again: what arrived is not sent twice")  # fmt: skip
    if unsure:
        raise NotDelivered(f"{len(unsure)} of {len(found)} deliveries may have been sent", "a look whether they arrived", "send again what did not, with --resend")  # fmt: skip
