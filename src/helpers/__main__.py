"""The command line ``finops``: verbs only; what they do stands in the layers below.

Exit codes, one table for all verbs: `helpers.terms.errors.EXIT_CODES`. Heavy imports stand inside the verbs, so that
``finops --help`` starts at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from helpers import __version__
from helpers.terms import errors
from helpers.terms.errors import UsageError
from helpers.verbs.options import (
    Kit,
    WithNotebooks,
    day,
    emit,
    emit_in_order,
    json_may_stand,
    json_option,
    looked,
    looking,
    reached,
    reading,
    store_option,
    writing,
)


@click.group(cls=Kit, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="finops")
def main() -> None:
    """FinOps playbooks as notebooks: charges in, signed numbers, decisions and lessons out.

    \b
    Exit codes: 0 done · 1 findings (check only) · 2 usage · 3 not reconciled
                4 damaged · 5 refused or failed, nothing changed · 6 batch unfinished
    Times without a zone are UTC.
    """


# verb -> (its module in helpers.verbs, one line for `finops --help`)
main.elsewhere = {
    "batch": ("batch", "Many reports from one plan, on this machine or many; schedules for it."),
    "deliver": ("deliver", "Deliver a finished report to a folder, by e-mail or to a webhook; never twice."),
    "detect": ("detect", "Find what stands out in one measured series."),
    "plan": ("plan", "plans commitments, schedules and both together; measures plans on the past"),
}


@main.command()
@writing("Folder for the sample company's files, empty or not there yet.", "sample_data/larkspur")
@click.option(
    "--scale",
    default=1,
    show_default=True,
    help="How many divisions the company has; 1 is that of the story.",
)
@click.option(
    "--seed",
    type=int,
    default=None,
    help="Another company with the same lessons; the same seed gives the same files.",
)
@click.option("--months", type=int, default=None, help="Only the last so many months.")
@click.option("--persona", default="", help="Only the tables that this persona's lessons need.")
@click.option("--truth", metavar="FOLDER", default=None, help="Also write what is planted, for facilitators.")
def sample(to, dry_run, scale, seed, months, persona, truth) -> None:
    """Write the sample company: eight exports, 24 closed months and an open one."""
    from helpers.data import sample as company

    asked = {"scale": scale, "persona": persona, "truth": truth, "dry_run": dry_run}
    asked |= {k: v for k, v in (("seed", seed), ("months", months)) if v is not None}
    folders = company.write(to, **asked)
    if dry_run:
        size = company.needed(scale) / 1e9
        click.echo(
            f"would write the deliveries of {company.COMPANY} to {to}, with up to {size:,.1f} GB on the way"
        )
    for folder in folders:
        click.echo(folder)


@main.command()
@reading
@writing("Folder for the drafts.", "company")
@click.option("--force", is_flag=True, help="Replace drafts of the same name.")
def init(data: str, as_of: Any, as_json: str, to: str, dry_run: bool, force: bool) -> None:
    """Draft your owner rules, tag policy, invoices and more from what the charges contain."""
    import tempfile

    from helpers.data import companions, open_charges, store

    charges = open_charges(data, as_of)
    known = [(s.name, ", ".join(s.providers)) for s in store.sources(data, as_of)]
    if dry_run:
        with tempfile.TemporaryDirectory() as scratch:
            drafts = companions.init(charges, Path(scratch), known, force=True)
    else:
        drafts = companions.init(charges, Path(to), known, force=force)
    for draft in drafts:
        verb = "would write" if dry_run else "wrote"
        click.echo(f"{verb} {Path(to) / draft.path.name}: {draft.rows} rows. {draft.note}")
    if as_json:
        emit([{"file": d.path.name, "rows": d.rows, "note": d.note} for d in drafts], as_json)
    if not dry_run:
        click.echo(f"Complete them, then: finops ingest {to} --to {data}")


@main.command()
@click.argument("files", nargs=-1, required=True)
@writing("Folder of the store; made where there is none.", "store")
@click.option(
    "--as", "source", metavar="SOURCE", help="Name of the export; else the manifest's or the folder's."
)
@click.option(
    "--period",
    "periods",
    multiple=True,
    metavar="YYYY-MM",
    help="The delivery is whole for this billing month.",
)
@click.option(
    "--replace",
    multiple=True,
    metavar="YYYY-MM",
    help="Replace this month, however little the delivery holds.",
)
@click.option("--append", is_flag=True, help="Add to what is held instead of replacing it.")
@click.option("--accept-older", is_flag=True, help="Take a delivery older than what is held.")
@json_option
def ingest(files, to, dry_run, source, periods, replace, append, accept_older, as_json) -> None:
    """Read FOCUS files, companion tables and hourly use into the store: one delivery of one source, whole or not at all.

    FILES: files, folders, globs, archives, s3:// abfs:// gs:// addresses. CSV (gz, zst, zip) and Parquet; for hourly
    use also JSON of CloudWatch, Azure Monitor, Google Cloud Monitoring and Prometheus.
    """
    import tempfile
    from datetime import UTC, datetime

    from helpers.data import measured, sources, store
    from helpers.data import usage as hourly

    now = datetime.now(UTC)
    delivery = sources.find(list(files), source=source, periods=periods, today=now.date())
    told: dict[str, Any] = {"companions": []}
    with (
        tempfile.TemporaryDirectory() as scratch
    ):  # companions are read before anything is written: one bad file stops all
        tables = [
            (name, given, *_companion(name, given, Path(scratch))) for name, given in delivery.companions
        ]

    with ExitStack() as open_until_kept:
        use = None
        if delivery.usage:
            beside = open_until_kept.enter_context(_beside(to, dry_run))
            use = measured.stage(delivery.usage, Path(beside))
        if delivery.files:
            choice = {"replace": replace, "append": append, "accept_older": accept_older, "dry_run": dry_run}
            with _beside(to, dry_run) as scratch, _progress("reading") as tell:
                staged = sources.stage(delivery, Path(scratch), progress=tell)
                outcome = store.ingest(to, staged, **choice, now=now)
            told |= outcome.plain()
            _say_outcome(outcome, staged)
        for name, given, table, details in tables:
            if not dry_run:
                store.write_table(to, name, table, delivery.delivered, details, now=now)
            told["companions"].append({"name": name, "rows": table.num_rows})
            click.echo(
                f"{'would keep' if dry_run else 'kept'} {name}: {table.num_rows} rows from {given.name}"
            )
        if use:
            kept = None if dry_run else hourly.keep(to, use, delivery.delivered, now=now)
            told["usage"] = _say_use(use, kept)
    if as_json:
        emit(told, as_json)


def _beside(to: str, dry_run: bool) -> Any:
    """A folder for half-done files, on the store's disk where they are to stay."""
    import tempfile

    from helpers.data import store

    return tempfile.TemporaryDirectory() if dry_run else store.staging(Path(to))


def _say_use(use: Any, kept: Any) -> dict[str, Any]:
    """Say what hourly use was read and kept; the same as plain data."""
    done = "would keep" if kept is None else "held already:" if kept.done == "nothing" else "kept"
    again = f", {kept.replaced:,} of them in place of earlier ones" if kept and kept.replaced else ""
    click.echo(f"{done} usage: {use.rows:,} hour{'s' * (use.rows != 1)} of {use.resources:,} resource{'s' * (use.resources != 1)} ({', '.join(use.metrics)}), {_span(list(use.months))}{again}")  # fmt: skip
    for note in use.notes:
        click.echo(f"  note: {note}")
    return {"done": kept.done if kept else "would commit", "rows": use.rows, "resources": use.resources, "metrics": use.metrics, "months": list(use.months), "replaced": kept.replaced if kept else 0, "notes": use.notes}  # fmt: skip


def _span(months: list[str]) -> str:
    return months[0] if len(months) == 1 else f"{len(months)} months from {months[0]} to {months[-1]}"


def _companion(name: str, given: Any, scratch: Path) -> tuple[Any, dict[str, Any]]:
    """A companion table, and the record that is kept with it."""
    from helpers.data import companions, opening

    path = (
        Path(given.url)
        if Path(given.url).is_file() and not given.member
        else opening.land(given, scratch).path
    )
    table = companions.read(path, name)
    return table, companions.details(path, table) | {"file": Path(given.name).name}


@contextmanager
def _progress(verb: str) -> Iterator[Callable[[int, int, int], None] | None]:
    """Bytes, rows and time left: a bar on a terminal, nothing for work that is over at once, lines in a log."""
    if not sys.stderr.isatty():
        import time

        last = [time.monotonic()]

        def line(done: int, whole: int, rows: int) -> None:
            if time.monotonic() - last[0] > 10:
                last[0] = time.monotonic()
                click.echo(f"{verb}: {done / 1e6:,.0f} of {whole / 1e6:,.0f} MB, {rows:,} rows", err=True)

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), TextColumn("{task.fields[rows]:,} rows"))  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(verb, total=None, rows=0)
        yield lambda done, whole, rows: bar.update(task, completed=done, total=whole, rows=rows)


def _say_outcome(outcome: Any, staged: Any) -> None:
    from helpers.terms.money import plain

    click.echo(f"{staged.source}, delivered {staged.delivered}: {outcome.done}")
    for change in outcome.slices:
        for (provider, currency), totals in sorted(change.totals.items()):
            before = change.totals_before.get((provider, currency))
            was = f", before: {plain(before['BilledCost'])}" if before else ""
            click.echo(
                f"  {change.period} {provider} {change.account}: {change.action}, {change.rows:,} rows, "
                f"billed {plain(totals['BilledCost'])} {currency}{was}"
            )
    for note in [*outcome.cleaned, *outcome.record.notes]:
        click.echo(f"  note: {note}")


@main.command()
@reading
@click.option("--deep", is_flag=True, help="Also the checksum of every file.")
def check(data: str, as_of: Any, as_json: str, deep: bool) -> None:
    """Reconcile the store with its sources and invoices; list what breaks the specification and which KPI suffers."""
    from helpers.data import conformance, open_charges, store
    from helpers.terms.money import plain

    verified = store.verify(data, deep=deep)
    reconciled = store.reconcile(data, as_of)
    charges = open_charges(data, as_of)
    tables = {
        n: store.read_table(data, n, as_of) for n in store.table_names(data) if n != "usage"
    }  # which is large
    found = conformance.findings(charges, store.deliveries(data, as_of), tables)
    invoices = conformance.invoice_lines(charges, tables.get("invoices"))
    click.echo(f"{verified.files} files are as they were written{' (checksums compared)' if deep else ''}.")
    for line in reconciled.lines:
        differs = {c: plain(v) for c, v in line.difference.items() if v} or "0.00 on all four costs"
        click.echo(f"{line.source} {line.provider} {line.period} {line.currency}: {line.rows_store:,} rows, billed {plain(line.in_store['BilledCost'])}, difference {differs}")  # fmt: skip
    for rest in reconciled.residue:
        click.echo(f"beyond 18 places: {rest.source} {rest.period} {rest.column}: {rest.count} values, sum {plain(rest.amount)}")  # fmt: skip
    for bill in invoices:
        if bill.invoiced is not None:
            click.echo(f"invoice {bill.issuer} {bill.period} {bill.currency}: charges {plain(bill.billed)}, invoice {plain(bill.invoiced)}, difference {plain(bill.difference or Decimal(0))}")  # fmt: skip
    for one in found:
        click.echo(f"[{one.severity}] {one.title} ({one.rule}, {one.section}): {one.count:,} charges")
        for text in (one.consequence, one.remedy, *(f"for example {e}" for e in one.examples)):
            if text:
                click.echo(f"    {text}")
    if as_json:
        import dataclasses

        emit({"verified": dataclasses.asdict(verified), "exact": reconciled.exact, "lines": reconciled.frame().astype(str).to_dict("records"), "findings": [f.record() for f in found], "invoices": [dataclasses.asdict(i) | {"difference": i.difference} for i in invoices]}, as_json)  # fmt: skip
    if not reconciled.exact:
        sys.exit(errors.NOT_RECONCILED)
    if any(f.severity != "note" for f in found):
        sys.exit(errors.FINDINGS)


@main.command()
@reading
@click.option("--compact", is_flag=True, help="Join the small files of each month.")
@click.option(
    "--vacuum", metavar="KEEP-SINCE", callback=day, help="Delete files that no day from this one on needs."
)
@click.option("--upgrade", is_flag=True, help="Raise an older store to this kit's format.")
@click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing.")
def history(data, as_of, as_json, compact, vacuum, upgrade, dry_run) -> None:
    """List the deliveries with totals before and after; keep the store in shape."""
    from datetime import UTC, datetime

    from helpers.data import store
    from helpers.terms.money import plain

    now = datetime.now(UTC)
    for asked, verb in ((compact, store.compact), (upgrade, store.upgrade)):
        if asked:
            click.echo("would do it" if dry_run else str(verb(data, now=now)))
    if vacuum:
        click.echo(
            f"would keep what is needed since {vacuum}"
            if dry_run
            else str(store.vacuum(data, vacuum, now=now))
        )
    records = store.history(data, as_of)
    for r in records:
        click.echo(f"{r.delivered} {r.source or '(kit)'} {r.kind} version {r.version}, ingested {r.ingested:%Y-%m-%d %H:%M} UTC")  # fmt: skip
        for c in r.slices:
            for key in sorted(c.totals.keys() | c.totals_before.keys()):
                before, after = (
                    t.get(key, {}).get("BilledCost", Decimal(0)) for t in (c.totals_before, c.totals_after)
                )
                click.echo(f"  {c.period} {key[0]} {c.account} {c.action}: billed {plain(before)} → {plain(after)} {key[1]}, rows {c.rows_before:,} → {c.rows_after:,}")  # fmt: skip
    if as_json:
        emit([r.plain() for r in records], as_json)


@main.command()
@reading
@click.option("--all", "everything", is_flag=True, help="Also the KPIs that later notebooks bring.")
def kpis(data: str, as_of: Any, as_json: str, everything: bool) -> None:
    """Say which of the FinOps Foundation's 88 KPIs your data can answer, and what the others need."""
    from helpers import catalog
    from helpers.data import open_charges
    from helpers.runs.session import companions

    charges = open_charges(data, as_of)
    fit = catalog.computable(charges, **companions(Path(data), as_of))
    counted: dict[str, int] = {}
    for f in fit:
        counted[f.state] = counted.get(f.state, 0) + 1
        if everything or f.state != "later notebook":
            click.echo(
                f"{f.state:18} {f.record.number or '':>3} {f.record.id}"
                + (f"\n{'':22} {f.why}" if f.why else "")
            )
    click.echo(", ".join(f"{n} {state}" for state, n in counted.items()))
    if as_json:
        emit([f.as_record() for f in fit], as_json)


@main.command("forecast")
@click.option(
    "--series",
    "file",
    required=True,
    metavar="FILE",
    help="CSV with the columns series, date, value; daily or monthly.",
)
@click.option(
    "--horizon",
    type=click.IntRange(1, 1000),
    required=True,
    metavar="N",
    help="Steps after each series' last date: days or months.",
)
@click.option(
    "--json",
    "as_json",
    required=True,
    metavar="FILE|-",
    help="Where to write: series -> list of date, mean and bounds of 50, 80 and 95 %.",
)
@click.option(
    "--notes",
    metavar="FILE",
    default=None,
    help="Also why an interval is wide and which model was trusted, as JSON.",
)
def forecast_series(file: str, horizon: int, as_json: str, notes: str | None) -> None:
    """Forecast series of numbers with intervals measured on their own past (docs/forecast.md)."""
    from helpers.data import series as files
    from helpers.models.outlook import outlook

    found = outlook(files.read(file), horizon)
    emit_in_order(found.values, as_json)
    for name, said in found.notes.items():
        for sentence in said:
            click.echo(f"note: {name}: {sentence}", err=True)
    if notes:
        json_may_stand(notes)
        emit({"notes": found.notes, "trusted": found.trusted}, notes)
    if as_json != "-":
        click.echo(f"{len(found.values)} series, {horizon} steps ahead: {as_json}")


@main.command(cls=WithNotebooks)
@click.argument("notebook")
@click.option(
    "-p", "--parameter", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter of the notebook."
)
@reading
@looking
@writing("Folder of the report.  [default: reports/NOTEBOOK]", "")
@click.option(
    "--timeout", default=600.0, show_default=True, type=click.FloatRange(1), help="Seconds a run may take."
)
@click.option("--memory", default=0, type=click.IntRange(0), help="Megabytes a run may use; 0 for no limit.")
@click.option("--format", "asked", default="", metavar="LIST", help="Also these: pdf,csv,parquet (html, xlsx and json always).")  # fmt: skip
def report(notebook, pairs, data, as_of, as_json, to, dry_run, timeout, memory, asked) -> None:
    """Run a notebook and write its report: page, results, actions, tables, manifest."""
    from helpers.runs import formats, parameters
    from helpers.runs import report as reports

    given, wanted = parameters.split(pairs), formats.check(asked.split(","), "--format")
    fixed = {"data": str(Path(data).resolve()), **({"as_of": as_of.isoformat()} if as_of else {})}
    doubled = sorted(set(given) & set(fixed))
    if doubled:
        raise UsageError(f"-p {doubled[0]} beside --{doubled[0].replace('_', '-')}", "one of the two", f"leave -p {doubled[0]} away")  # fmt: skip
    from helpers.catalog import notebooks

    path = notebooks.find(notebook)
    known = parameters.declared(path)
    given = parameters.check(given | {k: v for k, v in fixed.items() if k in known}, known)
    to = to or f"reports/{path.stem}"
    if dry_run:
        also = f", also as {', '.join(wanted)}" if wanted else ""
        click.echo(f"would run {path.name} with {given} and write {to}{also}")
        return
    from helpers.views import words

    if words.language() != words.of_page(path.stem):
        click.echo(
            f"note: {path.stem} is not translated, its page is in English (docs/look-and-language.md)",
            err=True,
        )
    tell = (lambda section: click.echo(f"… {section}", err=True)) if sys.stderr.isatty() else None
    how = reports.How(formats=wanted)
    manifest = reports.make(path, Path(to), given, timeout=timeout, memory=memory * 1_000_000, tell=tell, how=how)  # fmt: skip
    seconds = manifest["timings"]["seconds"]["all"]
    click.echo(f"{Path(to).resolve() / 'index.html'}")
    click.echo(
        f"{len(manifest['reconciliation'])} lines reconciled, difference 0.00; {seconds:.1f} s", err=True
    )
    if as_json:
        emit(manifest, as_json)


@main.command(cls=WithNotebooks)
@click.argument("notebook")
@reading
@looked
@writing("Folder of the learner's copy.", "lessons")
@click.option("--facilitator", is_flag=True, help="Also the facilitator's guide, with the answers.")
@click.option("--page", is_flag=True, help="Serve the lesson as a page for people who do not code.")
@click.option("--port", default=8866, show_default=True)
@reached
def lesson(notebook, data, as_of, as_json, to, dry_run, facilitator, page, port, ip, access, audit) -> None:
    """Write a learner's copy with its data, or serve the lesson as a page."""
    day = as_of.isoformat() if as_of else ""
    if page:
        from helpers.runs import app

        app.serve(
            notebook,
            data=Path(data),
            mode="lesson",
            port=port,
            as_of=day,
            ip=ip,
            access=Path(access) if access else None,
            audit=Path(audit) if audit else None,
        )
        return
    if dry_run:
        click.echo(f"would write a learner's copy of {notebook} to {to}")
        return
    from helpers.lessons import learner
    from helpers.runs import begin

    made = learner.write(notebook, Path(to), Path(data), begin=begin if facilitator else None, as_of=day)
    click.echo(f"{made}\nOpen it: jupyter lab {made}")
    if as_json:
        emit({"notebook": str(made)}, as_json)


@main.command(cls=WithNotebooks)
@click.argument("notebook", required=False)
@store_option
@click.option("--as-of", callback=day, metavar="DATE", help="Take the deliveries dated up to this day (UTC).")
@looking
@click.option("--port", default=8866, show_default=True)
@click.option("--open/--no-open", "browser", default=False, help="Open a browser.")
@click.option("--workers", type=click.IntRange(1, 64), default=None, help="Most processes that make pages at a time; as many as the machine has cores, from 2 to 4.")  # fmt: skip
@click.option("--ahead/--no-ahead", default=True, help="Make pages while nobody waits.")
@click.option("--cache", metavar="FOLDER", envvar="FINOPS_CACHE", default=None, help="Where pages that were made are kept; nobody else may read it.")  # fmt: skip
@reached
def serve(notebook, data, as_of, port, browser, workers, ahead, cache, ip, access, audit) -> None:
    """Serve all pages with a portal, or one notebook's page, to whoever sits at this machine or to people you name."""
    from helpers.runs import app

    app.serve(
        notebook,
        data=Path(data),
        port=port,
        as_of=as_of.isoformat() if as_of else "",
        open_browser=browser,
        workers=workers or 0,
        ahead=ahead,
        cache=Path(cache) if cache else None,
        ip=ip,
        access=Path(access) if access else None,
        audit=Path(audit) if audit else None,
    )


if __name__ == "__main__":
    main()
