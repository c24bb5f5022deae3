"""``finops batch export``: ready files for cron, systemd, Airflow, Kubernetes, GitHub Actions."""

from __future__ import annotations

from pathlib import Path

import click

KINDS = (
    "cron",
    "systemd",
    "airflow",
    "kubernetes",
    "github-actions",
)  # `runs.schedulers.KINDS`, without reading it


@click.command()
@click.argument("plan", metavar="PLAN.yaml")
@click.option("--for", "kind", required=True, type=click.Choice(KINDS), help="Which scheduler.")
@click.option("--at", default="06:00", show_default=True, metavar="HH:MM", help="When, on the clock of --zone.")  # fmt: skip
@click.option("--zone", default="UTC", show_default=True, metavar="ZONE", help="Time zone, such as Europe/Berlin; summer time is followed.")  # fmt: skip
@click.option("--to", metavar="FOLDER", default="", help="Folder of the files.  [default: schedule-KIND beside the plan]")  # fmt: skip
@click.option("--image", metavar="NAME", default="", help="Container image (kubernetes); else one that the Dockerfile written beside makes.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
def export(plan: str, kind: str, at: str, zone: str, to: str, image: str, dry_run: bool) -> None:
    """Write ready files that run a plan every day: cron, systemd, Airflow, Kubernetes, GitHub Actions."""
    from helpers.runs import schedulers

    if dry_run:
        job = schedulers.read(Path(plan), at, zone)
        click.echo(f"would write {kind} files that run {job.plan} every day at {job.time} {job.zone}")
        return
    made, notes = schedulers.export(Path(plan), kind, at=at, zone=zone, to=Path(to) if to else None, image=image)  # fmt: skip
    for path in made:
        click.echo(path)
    for note in notes:
        click.echo(f"  note: {note}", err=True)
