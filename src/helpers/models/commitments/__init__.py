"""Commitments: what to buy, when and how much, and how a rule for it would have done.

Planning a bill::

    from helpers.models.commitments import Settings, plan
    plan(demand, existing, settings, events=None) -> Plan

- ``demand``: DataFrame with ``hour`` (or ``day``), ``pool``, ``type``, ``demand`` [on-demand money in that hour or day].
- ``existing``: DataFrame with ``pool``, ``type`` (empty: flexible), ``quantity`` [on-demand money per hour covered],
  ``rate``, ``ends``.
- ``settings``: `Settings` (start, instruments, months, base_level, aggressiveness, decline, lock_in_cap, prepay).
  ``instruments``: DataFrame with ``scope`` (``type``/``pool``), ``rate``, ``term`` [months], optional ``pool``,
  ``payment`` (``none``/``partial``/``all``), ``name``.
- ``events``: DataFrame with ``pool``, ``known_on``, ``start``, ``end``, ``from_type``, ``to_type``, ``share``.
- `Plan`: ``purchases``, ``figures``, ``frontier``, ``notes``.

Measuring rules: `helpers.models.commitments.walk_forward`, `.rules`, `.optimum`, `.cost`, `.lock_in`.
"""

from helpers.models.commitments.plan import Plan, Settings, plan

__all__ = ["Plan", "Settings", "plan"]
