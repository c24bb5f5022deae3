"""Charges as matrices, series by days, at every level; what is being looked into is a draft."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from helpers.models.anomalies.panel import Episode
from helpers.terms.money import total as add

Array = Any
Frame = Any  # a DataFrame: a type checker cannot know its columns
LEVELS = ("resource", "service", "account", "everything")
KEYS = {
    "resource": ("account", "service", "resource_id"),
    "service": ("account", "service"),
    "account": ("account",),
}
SHARE_OF_ALL = 0.001  # of a day's whole cost: an excess below this is not worth a person's look
LEAST = 1.0  # [currency a day]
COST, CREEP, COMMITMENT = "cost", "creep", "unused commitment"


@dataclass
class Draft:
    """An incident before money, cause and status: a place, its days, and what was expected on them."""

    kind: str
    level: str
    key: tuple[str, ...]
    episode: Episode
    values: Array
    expected: Array
    limit: Array
    new: bool = False
    doubled: bool = True


class Grid:
    """The lines as matrices, series by days, at every level."""

    def __init__(self, lines: Frame) -> None:
        lines = lines.sort_values(
            ["account", "service", "resource_id", "day"], kind="stable", ignore_index=True
        )
        first, last = lines["day"].min(), lines["day"].max()
        self.days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        self.lines = lines
        place = {d: n for n, d in enumerate(self.days)}
        self.at = lines["day"].map(place).to_numpy()
        unused = (lines["status"] == "Unused").to_numpy()
        self.unused = unused
        self.keys: dict[str, list[tuple[str, ...]]] = {}
        self.row: dict[str, dict[tuple[str, ...], int]] = {}
        self.values: dict[str, Array] = {}
        self.notes: list[str] = []
        columns = {c: lines[c].to_numpy() for c in ("account", "service", "resource_id")}
        cost = np.where(unused, 0.0, lines["cost"].to_numpy(dtype=float))
        ran = ~unused
        self.slices: dict[tuple[str, ...], slice] = {}
        for level, names in KEYS.items():
            keys = list(zip(*(columns[n] for n in names), strict=True))
            self._level(level, keys, cost, ran)
            self._slices(keys)
        self._level("everything", [("everything",)] * len(lines), cost, ran)
        self.slices[("everything",)] = slice(0, len(lines))
        self.committed = {c: np.asarray(at) for c, at in lines.groupby("commitment_id").indices.items() if c}
        self._gaps()
        self.spent = _by_month(lines, ran)
        self.least = self._least()

    def _level(self, level: str, keys: list[tuple[str, ...]], cost: Array, ran: Array) -> None:
        found = sorted({k for k, r in zip(keys, ran, strict=True) if r})
        row = {k: n for n, k in enumerate(found)}
        codes = np.array([row.get(k, -1) for k in keys])
        values = np.zeros((len(found), len(self.days)))
        there = np.zeros(values.shape, dtype=bool)
        np.add.at(values, (codes[ran], self.at[ran]), cost[ran])
        there[codes[ran], self.at[ran]] = True
        # what has cost nothing yet has not begun: exports before FOCUS 1.2 may carry an effective cost of zero
        begun = np.maximum.accumulate(there & (values != 0), axis=1)
        self.keys[level], self.row[level] = found, row
        self.values[level] = np.where(begun, values, np.nan)

    def _slices(self, keys: list[tuple[str, ...]]) -> None:
        """Where the lines of each place stand: they are in the order of their places."""
        begin = 0
        for n in range(1, len(keys) + 1):
            if n == len(keys) or keys[n] != keys[begin]:
                self.slices[keys[begin]] = slice(begin, n)
                begin = n

    def of(self, draft: Draft) -> Array:
        """Positions of a draft's lines: what ran, or what a commitment left unused."""
        if draft.kind == COMMITMENT:
            at = self.committed[draft.key[0]]
            return at[self.unused[at]]
        at = np.arange(len(self.lines))[self.slices[draft.key]]
        return at[~self.unused[at]]

    def _gaps(self) -> None:
        """A day without any charge of an account that has them before and after is a gap, no day of nothing."""
        accounts = self.values["account"]
        ever = np.isfinite(accounts) & (accounts != 0)
        after = np.maximum.accumulate(ever[:, ::-1], axis=1)[:, ::-1]
        gap = np.isfinite(accounts) & ~ever & after
        usual = ever.sum(axis=1) > 0.9 * np.maximum(np.isfinite(accounts).sum(axis=1), 1)
        gap &= usual[:, None]
        for a in np.flatnonzero(gap.any(axis=1)):
            name, days = self.keys["account"][a][0], np.flatnonzero(gap[a])
            self.notes.append(f"{name} has no charge on {len(days)} day{'s' * (len(days) > 1)}, the first {self.days[days[0]]}: a gap, not judged")  # fmt: skip
            for level in ("resource", "service", "account"):
                rows = [n for n, k in enumerate(self.keys[level]) if k[0] == name]
                self.values[level][np.array(rows)[:, None], days[None, :]] = np.nan

    def _least(self) -> Array:
        """Least excess of each day, from the four weeks before it [currency a day]."""
        whole = self.values["everything"][0]
        out = np.full(len(self.days), LEAST)
        for n in range(7, len(self.days)):
            past = whole[max(0, n - 28) : n]
            past = past[np.isfinite(past)]
            out[n] = max(SHARE_OF_ALL * float(np.median(past)), LEAST) if len(past) else LEAST
        return out[None, :]

    def children(self, level: str, key: tuple[str, ...]) -> tuple[str, list[int]]:
        """The next level down, and the rows there that belong to a place."""
        below = LEVELS[LEVELS.index(level) - 1]
        want = () if level == "everything" else key
        return below, [n for n, k in enumerate(self.keys[below]) if k[: len(want)] == want]

    def new_region(self, key: tuple[str, ...], day: date) -> bool:
        """Whether a resource stands in a region in which its account had nothing in the weeks before."""
        regions = set(self.lines["region"].iloc[self.slices[key]]) - {""}
        account = np.arange(len(self.lines))[self.slices[key[:1]]]
        before = account[self.at[account] < self.days.index(day)]
        held = set(self.lines["region"].iloc[before]) - {""}
        return bool(regions) and bool(held) and not regions & held


def _by_month(lines: Frame, inside: Array) -> dict[str, Decimal]:
    months = lines["day"].map(lambda d: f"{d.year}-{d.month:02d}").to_numpy()
    found: dict[str, list[Decimal]] = {}
    for m, amount, keep in zip(months, lines["effective"], inside, strict=True):
        if keep and amount is not None and amount == amount:
            found.setdefault(m, []).append(amount)
    return {m: add(v) for m, v in found.items()}
