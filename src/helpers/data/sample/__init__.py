"""The sample company: Larkspur, its charges as eight exports deliver them, its own tables, and what is planted in it.

Everything comes from one seed, the same on every machine. The story stands in ``sample_data/README.md``, the company's facts in
the tables under ``company/``; docs/sample.md says how the parts fit together.
"""

from __future__ import annotations

import difflib
import shutil
import tempfile
from pathlib import Path

from helpers.data.sample.world import COMPANY, FIRST, OPEN, SEED
from helpers.terms.errors import Refused, UsageError

__all__ = ["COMPANY", "FIRST", "OPEN", "PERSONAS", "SEED", "needed", "write"]

MONTHS = (OPEN.year - FIRST.year) * 12 + OPEN.month - FIRST.month + 1
BYTES = 120_000_000  # of everything at scale 1, and room to write it
BYTES_A_DIVISION = 2_000_000  # of each more
LARGEST_SEED = 2**128 - 1
EVERYBODY = (
    "allocation.csv",
    "tag_policy.csv",
    "invoices.csv",
    "sources.csv",
    "teams.csv",
    "exchange_rates.csv",
    "tag_mapping.csv",
)
# What each persona's lessons read beside the charges and the tables that everybody needs
PERSONAS = {
    "practitioner": ("budgets.csv",),
    "engineering": ("utilisation", "calendar.csv", "actions.csv"),
    "finance": ("budgets.csv", "forecasts.csv", "drivers.csv", "calendar.csv", "shared_cost_rules.csv"),
    "product": (
        "drivers.csv",
        "calendar.csv",
        "products.csv",
        "product_plans.csv",
        "customers.csv",
        "bets.csv",
        "designs.csv",
        "shared_cost_rules.csv",
        "utilisation",
    ),
    "procurement": ("contracts.csv", "credits.csv", "calendar.csv", "budgets.csv", "utilisation"),
    "leadership": (
        "budgets.csv",
        "forecasts.csv",
        "drivers.csv",
        "contracts.csv",
        "actions.csv",
        "service_levels.csv",
    ),
    "asset_management": ("licences.csv", "assets.csv", "pools.csv", "contracts.csv", "utilisation"),
    "financial_management": ("budgets.csv", "drivers.csv", "pools.csv", "shared_cost_rules.csv"),
    "sustainability": ("utilisation", "drivers.csv"),
    "service_management": ("service_levels.csv", "changes.csv", "calendar.csv", "budgets.csv"),
    "security": ("findings.csv", "assets.csv"),
}


def needed(scale: int) -> int:
    """Bytes of disk that a scale takes while it is made, at most."""
    return BYTES + (BYTES_A_DIVISION * scale if scale > 1 else 0)


def write(
    to: Path | str,
    seed: int = SEED,
    *,
    scale: int = 1,
    months: int = MONTHS,
    persona: str = "",
    truth: Path | str | None = None,
    dry_run: bool = False,
) -> list[Path]:
    """Write the sample company under `to`, whole or not at all.

    Parameters
    ----------
    to : Path
        A folder that is empty or not there yet.
    seed : int
        0 to 2**128 - 1. The same seed gives the same bytes (of Parquet files the same content).
    scale : int
        1 is the company of the story, about 100,000 charges; `scale` is how many such divisions it has.
    months : int
        Only the last so many months, 2 to 25.
    persona : str
        Only the companion tables and truth that this persona's lessons need; empty for all.
    truth : Path, optional
        Where to write what is planted; without it, it is written nowhere. Not where learners look.
    dry_run : bool
        Say what would be refused and write nothing.

    Returns
    -------
    list of Path
        The folders in the order in which they are to be ingested: deliveries, then the company's own tables.

    Raises
    ------
    UsageError
        Scale, months, seed or persona out of range.
    Refused
        The target is not empty, or the disk is too small for the scale.
    """
    to, truth = Path(to), Path(truth) if truth else None
    _check(to, truth, seed, scale, months, persona)
    if dry_run:
        return []
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}.part-") as scratch:
        made = Path(scratch) / to.name
        made.mkdir()
        folders = _make(made, Path(scratch) / "truth", seed, scale, months, persona)
        if truth:
            truth.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(Path(scratch) / "truth", truth, dirs_exist_ok=True)
        if to.exists():
            to.rmdir()
        made.rename(to)
    return [to / folder.name for folder in folders]


def _make(to: Path, truth: Path, seed: int, scale: int, months: int, persona: str) -> list[Path]:
    from helpers.data.sample import companions, deliveries, focus_sets, grown, later, usage
    from helpers.data.sample import truth as planted
    from helpers.data.sample.ledger import Ledger
    from helpers.data.sample.world import World

    world = World(seed)
    ledger = Ledger(world)
    first = OPEN.plus(1 - months)
    folders = list(deliveries.write(world, to, ledger, first, scale))
    if months == MONTHS:  # what is planted is priced from the whole story
        records = planted.records(world, ledger)
        planted.write(
            truth, world, [r for r in records if not persona or _belongs(r.responsibility, persona)]
        )
    else:
        truth.mkdir()
    size = sum(grown.sizes(world.streams, scale))
    ledger.grow(size)
    tables = companions.tables(world, ledger, first, size)
    kept = {*EVERYBODY, *PERSONAS.get(persona, ())}
    companions.write(to / "company", {n: t for n, t in tables.items() if not persona or n in kept})
    companions.write(to / "focus", focus_sets.tables(world, ledger, first))
    sketches = {n: t for n, t in later.tables(world).items() if not persona or n in kept}
    if sketches:
        companions.write(to / "later", sketches)
    if not persona or "utilisation" in kept:
        usage.write(world, to / "usage")
    return [*folders, to / "company"]


def _belongs(responsibility: str, persona: str) -> bool:
    return not responsibility or responsibility.startswith(f"{persona}.")


def _check(to: Path, truth: Path | None, seed: int, scale: int, months: int, persona: str) -> None:
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"seed {seed}", "0 to 2**128 - 1", "give another seed")
    if scale < 1:
        raise UsageError(f"scale {scale}", "a whole number from 1", "--scale 1 is the company of the story")
    if not 2 <= months <= MONTHS:
        raise UsageError(
            f"{months} months", f"2 to {MONTHS}", "the story has that many; leave --months out for all"
        )
    if persona and persona not in PERSONAS:
        near = difflib.get_close_matches(persona, PERSONAS, 1, 0.4)
        hint = f"did you mean {near[0]}?" if near else "leave --persona out for all"
        raise UsageError(f"persona {persona!r}", f"one of {', '.join(PERSONAS)}", hint)
    for folder in (to, truth):
        if folder and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Refused(
                "a folder that is not empty" if folder.is_dir() else "a file",
                "an empty folder, or none yet",
                "give a new folder, or remove this one first",
                file=str(folder),
            )
    place = to
    while not place.exists():
        place = place.parent
    free, need = shutil.disk_usage(place).free, needed(scale)
    if free < need:
        raise Refused(
            f"{free / 1e9:,.1f} GB free",
            f"{need / 1e9:,.1f} GB for scale {scale:,}",
            "make room, take another disk with --to, or a smaller --scale",
            file=str(to),
        )
