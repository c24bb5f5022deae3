"""``finops detect``: alerts of one measured series, as they would have come."""

from __future__ import annotations

import click

from helpers.terms.errors import BadInput
from helpers.verbs.options import emit_in_order


@click.command()
@click.option(
    "--series", "path", metavar="FILE", required=True, help="CSV with the columns timestamp, value."
)
@click.option("--margin", type=click.FloatRange(0.0), default=None, metavar="NUMBER", help="How far above the highest so far, in mean excesses of the highest hours [default: 1.25]; less is more alerts.")  # fmt: skip
@click.option(
    "--json",
    "as_json",
    is_flag=False,
    flag_value="-",
    default="",
    metavar="[FILE|-]",
    help="Alerts as a list of start, end, score.",
)
def detect(path: str, margin: float | None, as_json: str) -> None:
    """Find what stands out in one measured series.

    Each alert uses what stands before it and nothing later. None comes in the first two days (or 28 steps); after one
    none comes for a day: one incident is one alert. Method: docs/anomalies.md.
    """
    from helpers.data import stamped
    from helpers.models.anomalies import single

    series = stamped.read(path)
    settings = single.Settings() if margin is None else single.Settings(margin=margin)
    warm = single.warm_up(series.step, settings)
    if len(series.values) <= warm:
        raise BadInput(
            f"{len(series.values)} steps of {series.step} seconds",
            f"more than {warm}: so many are looked at before the first alert may come",
            "give a longer series",
            file=path,
        )
    for note in series.notes:
        click.echo(f"note: {note}", err=True)
    alerts = single.detect(series.values, series.step, settings)
    if as_json:
        emit_in_order([{"start": series.times[a.start].isoformat(), "end": series.times[a.end].isoformat(), "score": round(a.score, 4)} for a in alerts], as_json)  # fmt: skip
    for a in alerts:
        click.echo(f"{series.times[a.start]} to {series.times[a.end]}: {a.what} above all before, score {a.score:.2f}")  # fmt: skip
    if not alerts:
        click.echo("Nothing stands out.")
