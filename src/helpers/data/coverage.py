"""Which rule gives which cost its owner, which rule would add most, and where names collide.

Charges are grouped in the engine by what rules look at; the rules are then held against the groups, of which there are few.
Nothing is merged and nothing is changed: what collides is listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from helpers.data.allocation import SPELLINGS, alike, query
from helpers.terms.money import ratio
from helpers.terms.money import total as add
from helpers.terms.period import Month

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("SubAccountName", "SubAccountId", "ServiceName", "BillingAccountName", "BillingAccountId")
NOBODY = "no rule"
SPENT = "ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL"


class Groups:
    """A month's cost of usage and purchases by what rules look at, and by the stretches in which the same rules hold.

    Parameters
    ----------
    charges : ibis Table
        Of a DuckDB connection.
    which : Month
    rules : DataFrame or None
        Companion table allocation, in file order.
    currency : str
    mapping : DataFrame or None
        Companion table tag_mapping: tags of another scheme and what they stand for (virtual tags).
    """

    def __init__(
        self,
        charges: Any,
        which: Month,
        rules: pd.DataFrame | None,
        *,
        currency: str,
        mapping: pd.DataFrame | None = None,
    ) -> None:
        self.rules = [] if rules is None else rules.to_dict("records")
        self.mapping = [] if mapping is None else mapping.to_dict("records")
        names = [n for n in NAMES if n in charges.columns]
        cuts = sorted(
            {
                d
                for r in (*self.rules, *self.mapping)
                for d in (r["valid_from"], r["valid_to"] and r["valid_to"] + timedelta(days=1))
                if d and which.start.date() < d < which.end.date()
            }
        )
        part = " + ".join(
            [f"CAST(ChargePeriodStart >= TIMESTAMPTZ '{d} 00:00:00+00' AS INTEGER)" for d in cuts] or ["0"]
        )
        inside = charges.filter(charges.x_KitPeriod == str(which), charges.BillingCurrency == currency)
        rows = query(
            inside,
            f"SELECT {', '.join(names)}, Tags, {part} AS part, sum(EffectiveCost) AS cost, "
            f"string_agg(DISTINCT x_KitShared, ',') AS shared, count(DISTINCT ResourceId) AS resources "
            f"FROM these WHERE {SPENT} GROUP BY ALL",
        )
        starts = [which.start.date(), *cuts]
        self.rows = [r | {"Tags": dict(r["Tags"] or {}), "day": starts[r["part"]]} for r in rows]
        self.whole = add(r["cost"] or 0 for r in self.rows)

    def coverage(self) -> pd.DataFrame:
        """Cost by the kind of rule that decides, in file order: rule, amount [currency], share [1], owners [1].

        Rules that look at the same thing stand together; the last row is cost that none fits.
        """
        import pandas as pd

        found: dict[str, dict[str, Any]] = {}
        for r in self.rows:
            rule = self._first(r)
            name = NOBODY if rule is None else _said(rule["match_on"])
            one = found.setdefault(
                name, {"rule": name, "amount": Decimal(0), "owners": set(), "at": len(self.rules)}
            )
            one["amount"] = add([one["amount"], r["cost"] or 0])
            if rule is not None:
                one["owners"].add(rule["owner"] or rule["department"])
                one["at"] = min(one["at"], self.rules.index(rule))
        rows = sorted(found.values(), key=lambda f: (f["rule"] == NOBODY, f["at"]))
        for one in rows:
            one["share"], one["owners"] = ratio(one["amount"], self.whole), len(one["owners"])
        return pd.DataFrame(rows, columns=["rule", "amount", "share", "owners"], dtype=object)

    def next_rules(self, most: int = 5) -> pd.DataFrame:
        """Rules that would add most to what has an owner, greedily: each takes its cost before the next is chosen.

        Returns
        -------
        DataFrame
            match_on, match_value, amount [currency], share of all cost [1], resources [1]: lines for allocation.csv, but
            for the owner, whom only you know.
        """
        import pandas as pd

        left = [r for r in self.rows if self._first(r) is None and (r["cost"] or 0) > 0]
        found = []
        while left and len(found) < most:
            worth: dict[tuple[str, str], list[dict]] = {}
            for r in left:
                for candidate in _candidates(r):
                    worth.setdefault(candidate, []).append(r)
            if not worth:
                break
            # of rules worth the same the narrowest look: a tag before an account before a service
            (on, value), rows = max(
                worth.items(), key=lambda w: (add(r["cost"] for r in w[1]), -_width(w[0][0]), w[0])
            )
            amount = add(r["cost"] for r in rows)
            found.append(
                {
                    "match_on": on,
                    "match_value": value,
                    "amount": amount,
                    "share": ratio(amount, self.whole),
                    "resources": sum(r["resources"] for r in rows),
                }
            )
            gone = {id(r) for r in rows}
            left = [r for r in left if id(r) not in gone]
        return pd.DataFrame(
            found, columns=["match_on", "match_value", "amount", "share", "resources"], dtype=object
        )

    def virtual(self) -> Decimal:
        """Cost without an owner today that would have one if the tags of `mapping` stood in your scheme [currency]."""
        return add(
            r["cost"] or 0
            for r in self.rows
            if self._first(r) is None and self._first(r | {"Tags": self._mapped(r)}) is not None
        )

    def collisions(self) -> pd.DataFrame:
        """Where two answers exist: rules of one charge that name different owners, and spellings of one key that differ.

        Returns
        -------
        DataFrame
            what (``rules`` or ``spellings``), first (it decides), second, amount [currency]; the largest first.
        """
        import pandas as pd

        found: dict[tuple[str, str, str], Decimal] = {}
        for r in self.rows:
            fits = [x for x in self.rules if self._fits(x, r)]
            for other in fits[1:]:
                mine, theirs = _whose(fits[0]), _whose(other)
                if mine != theirs:
                    key = ("rules", f"{_line(fits[0])}: {mine}", f"{_line(other)}: {theirs}")
                    found[key] = add([found.get(key, 0), r["cost"] or 0])
                    break
            spelt: dict[str, dict[str, str]] = {}
            for tag, value in r["Tags"].items():
                spelt.setdefault(alike(tag), {})[tag] = value
            for tags in spelt.values():
                if len({v.strip().casefold() for v in tags.values()}) > 1:
                    one, two = list(tags.items())[:2]
                    key = ("spellings", f"{one[0]!r}: {one[1]}", f"{two[0]!r}: {two[1]}")
                    found[key] = add([found.get(key, 0), r["cost"] or 0])
        rows: list[dict[str, Any]] = [
            {"what": what, "first": one, "second": two, "amount": v} for (what, one, two), v in found.items()
        ]
        rows.sort(key=lambda r: (-r["amount"], r["first"]))
        return pd.DataFrame(rows, columns=["what", "first", "second", "amount"], dtype=object)

    def shared(self) -> pd.DataFrame:
        """Shared cost by service and whether a rule distributes it: service, shared, amount [currency]."""
        import pandas as pd

        found: dict[tuple[str, str], Decimal] = {}
        for r in self.rows:
            if r["shared"]:
                key = (r["ServiceName"] or "", r["shared"])
                found[key] = add([found.get(key, 0), r["cost"] or 0])
        rows = [{"service": s, "shared": how, "amount": v} for (s, how), v in found.items()]
        rows.sort(key=lambda r: (-r["amount"], r["service"]))
        return pd.DataFrame(rows, columns=["service", "shared", "amount"], dtype=object)

    def _first(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        return next((x for x in self.rules if self._fits(x, row)), None)

    def _fits(self, rule: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
        if not (rule["valid_from"] or date.min) <= row["day"] <= (rule["valid_to"] or date.max):
            return False
        on, wanted = rule["match_on"], rule["match_value"]
        keys = on[4:].split(SPELLINGS) if on.startswith("tag:") else []
        values = [row["Tags"].get(k) for k in keys] if keys else [row.get(on)]
        held = [v.strip() for v in values if v and v.strip()]
        return bool(held) and (wanted == "*" or wanted in held)

    def _mapped(self, row: Mapping[str, Any]) -> dict[str, str]:
        tags = dict(row["Tags"])
        for m in self.mapping:
            holds = (m["valid_from"] or date.min) <= row["day"] <= (m["valid_to"] or date.max)
            if holds and tags.get(m["key"]) == m["value"]:
                tags.setdefault(m["to_key"], m["to_value"])
        return tags


def untagged(lines: pd.DataFrame, rules: pd.DataFrame | None) -> pd.DataFrame:
    """Resources that no tag gives an owner, and those whose owner key is spelt another way.

    Parameters
    ----------
    lines : DataFrame
        As ``helpers.measures.resources.lines``.
    rules : DataFrame or None
        Companion table allocation; the first spelling of its first tag rule is the right one.

    Returns
    -------
    DataFrame
        problem (``no owner by tag`` or ``key spelt <key>``), name, department (from other rules), account, cost [currency],
        resource_id; the dearest first.
    """
    import pandas as pd

    keys = [
        r["match_on"][4:].split(SPELLINGS)
        for r in ([] if rules is None else rules.to_dict("records"))
        if r["match_on"].startswith("tag:")
    ]
    known = list(dict.fromkeys(k for some in keys for k in some))
    right = {alike(some[0]): some[0] for some in reversed(keys)}
    found: dict[str, dict[str, Any]] = {}
    for line in lines.to_dict("records"):
        tags = {k: v for k, v in (line["tags"] or {}).items() if v and v.strip()}
        odd = next((k for k in tags if alike(k) in right and k != right[alike(k)]), None)
        if odd is not None:
            problem = f"key spelt {odd!r}"
        elif not any(k in tags for k in known):
            problem = "no owner by tag"
        else:
            continue
        one = found.setdefault(
            line["resource_id"],
            {
                "problem": problem,
                "name": line["name"] or line["resource_id"],
                "department": line["department"] or "nobody",
                "account": line["account"] or line["account_id"] or "",
                "cost": Decimal(0),
                "resource_id": line["resource_id"],
            },
        )
        one["cost"] = add([one["cost"], line["effective"] or 0])
    rows = sorted(found.values(), key=lambda r: (-r["cost"], r["name"])) if known else []
    return pd.DataFrame(
        rows, columns=["problem", "name", "department", "account", "cost", "resource_id"], dtype=object
    )


def _candidates(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [(f"tag:{k}", v.strip()) for k, v in row["Tags"].items() if v and v.strip()]
    return found + [(n, row[n]) for n in ("SubAccountName", "SubAccountId", "ServiceName") if row.get(n)]


def _width(on: str) -> int:
    return 0 if on.startswith("tag:") else 1 + ("SubAccountName", "SubAccountId", "ServiceName").index(on)


def _said(on: str) -> str:
    if not on.startswith("tag:"):
        return {"SubAccountName": "account", "SubAccountId": "account", "ServiceName": "service"}.get(
            on, "billing account"
        )
    return f"tag {on[4:].split(SPELLINGS)[0].strip()}"


def _line(rule: Mapping[str, Any]) -> str:
    return f"{_said(rule['match_on'])} {rule['match_value']}"


def _whose(rule: Mapping[str, Any]) -> str:
    return str(rule["owner"] or rule["department"] or rule["shared"] or "")
