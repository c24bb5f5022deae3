"""``finops batch``: many reports from one plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from helpers.terms.errors import KitError, Refused
from helpers.verbs.batch_export import export
from helpers.verbs.options import emit, json_option, store_option


@click.group()
def batch() -> None:
    """Many reports from one plan: what is missing or has newer inputs is made, nothing twice.

    \b
    finops batch init                      writes a plan that runs as it is
    finops batch run plan.yaml --dry-run   says what would be made, and why
    finops batch run plan.yaml             makes it; the same again goes on after any stop
    """


@batch.command()
@click.option(
    "--to",
    "file",
    metavar="FILE",
    default="plan.yaml",
    show_default=True,
    help="The plan; never over another file.",
)
@store_option
@click.option(
    "--reports",
    metavar="FOLDER",
    default="reports",
    show_default=True,
    help="The batch's folder, from the plan's.",
)
@click.option("--dry-run", is_flag=True, help="Show the plan; write nothing.")
def init(file: str, data: str, reports: str, dry_run: bool) -> None:
    """Write a commented plan that runs as it is."""
    from helpers.runs.batch import plan

    text = plan.draft(Path(file), Path(data), reports)
    if dry_run:
        click.echo(text, nl=False)
        return
    try:
        with Path(file).open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise Refused(
            "there is such a file already", "a name that is free", "give another --to", file=file
        ) from None
    click.echo(f"{file}\nLook at it, then: finops batch run {file} --dry-run")


@batch.command()
@click.argument("plan", metavar="PLAN.yaml")
@click.option("--dry-run", is_flag=True, help="Say what would be made and why; change nothing.")
@click.option(
    "--on", metavar="ADDRESS", default="", help="A scheduler of dask.distributed, such as tcp://host:8786."
)
@click.option(
    "--workers",
    type=click.IntRange(0, 256),
    default=0,
    help="Reports at the same time; 0 for what the plan says.",
)
@click.option(
    "--wait",
    "patience",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Seconds to wait for another batch of this plan.",
)
@click.option("--resend", is_flag=True, help="Send again what may have been sent when a run was killed.")
@json_option
def run(plan: str, dry_run: bool, on: str, workers: int, patience: float, resend: bool, as_json: str) -> None:
    """Make a plan's reports: those that are missing, failed before or have newer inputs."""
    from helpers.runs.batch import plan as plans
    from helpers.runs.batch import progress, running

    read = plans.read(Path(plan))
    if dry_run:
        _say(read, *running.intended(read), as_json)
        return
    try:
        outcome = running.run(
            read, on=on, workers=workers, patience=patience, say=progress.fitting(), again=resend
        )
    except KitError as problem:
        made = getattr(problem, "outcome", None)
        if made is not None:
            click.echo(made.page)
        raise
    counts = outcome.record["counts"]
    click.echo(outcome.page)
    click.echo(f"{counts['done']} made, {counts['standing']} there already, {counts['delivered']} delivered; {outcome.record['seconds']:.1f} s", err=True)  # fmt: skip
    if as_json:
        emit(outcome.record, as_json)


def _say(read: Any, items: list[Any], stores: dict[str, Any], as_json: str) -> None:
    todo = [i for i in items if i.why]
    for item in todo:
        given = " ".join(f"{n}={v!r}" for n, v in item.report.given.items())
        click.echo(f"would make {item.report.folder}: {item.why} ({item.report.stem} {given})")
    after = [d for i in items for d in i.report.deliver]
    states = sorted({s.version for s in stores.values() if s.version})
    click.echo(f"{len(items)} reports in {read.to}: {len(todo)} to make, {len(items) - len(todo)} there already; {len(after)} deliveries; state of the store: {', '.join(states) or 'none is read'}")  # fmt: skip
    if as_json:
        emit(
            {
                "plan": read.name,
                "to": str(read.to),
                "store": states,
                "reports": [
                    {"report": i.report.folder, "notebook": i.report.stem, "parameters": dict(i.report.given), "formats": list(i.report.formats), "viewer": i.report.viewer.name if i.report.viewer else "", "why": i.why, "deliveries": [d.kind for d in i.report.deliver]}
                    for i in items
                ],
            },
            as_json,
        )  # fmt: skip


batch.add_command(export)
