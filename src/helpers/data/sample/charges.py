"""Charges of one export and month, as FOCUS columns of every version, decimals exact to the last digit.

Use × price = cost without rounding: quantities have four places, prices as many as they need. What a commitment's use and
its unused rest amortise is what it is paid for, day by day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from typing import Any

from helpers.data.sample.identity import identified, region_name
from helpers.data.sample.world import COMPANY, FIRST, Commitment, Export, Resource, World, table
from helpers.terms.period import Month

EXACT = Context(prec=60)
QUANTITY = Decimal("0.0001")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SELLERS = {"seats": "Tidewater Desk"}  # products of others on a provider's marketplace, without a list price
WOBBLE = 15_000  # millionths: standard deviation of a day's use
WAVES = (
    3,
    2,
    1,
    1,
    1,
    1,
    2,
    4,
    7,
    10,
    12,
    13,
    14,
    14,
    13,
    12,
    12,
    12,
    13,
    14,
    12,
    9,
    6,
    4,
)  # of an autoscaled tier, by hour


@dataclass(frozen=True)
class Part:
    """What is used of a resource in a day (or hour): covered by a commitment, or not."""

    quantity: Decimal
    commitment: Commitment | None = None


def month_charges(
    world: World, export: str, month: Month, days: int | None = None
) -> Iterator[dict[str, Any]]:
    """Charges of one export and month.

    Parameters
    ----------
    world : World
    export : str
    month : Month
    days : int, optional
        Only the first days, as in a delivery of an open month: no fees of the month's end and no tax yet.

    Yields
    ------
    dict
        Column id → value: Decimal, aware datetime, dict (tags, details), text or None.
    """
    with localcontext(EXACT):
        yield from _Writer(world, world.exports[export], month).charges(days)


def quantity(world: World, one: Resource, day: date) -> Decimal:
    """Units used on a day, at four places."""
    months = (day.year - FIRST.year) * 12 + day.month - FIRST.month
    growth = 1 + one.growth
    level = one.quantity * growth**months * (1 + one.growth * (day.day - 1) / 31)
    for since, factor in one.jumps:
        if day >= since:
            level *= factor
    if day.weekday() >= 5:
        level *= one.weekend
    if not one.steady:
        level *= world.season(one.team, day)
        level = level * world.streams.wobble(WOBBLE, "use", one.name, day) / 1_000_000
    if one.sku.unit in ("Hours", "vCPU-Hours") and one.steady:
        return level
    if "Month" in one.sku.unit or one.sku.unit == "Seats":  # a day's share of a month
        level = level / 30 if "Month" in one.sku.unit else level
    places = Decimal(1) if one.quantity > 1_000_000 or one.sku.unit == "Seats" else QUANTITY
    return level.quantize(places, ROUND_FLOOR)


class _Writer:
    def __init__(self, world: World, export: Export, month: Month) -> None:
        self.world, self.export, self.month = world, export, month
        # Charged in euros at the month's rate, as Google does; at six places, so that every product is exact
        rate = world.rates[month] if export.currency == "EUR" else Decimal(1)
        self.rate = (1 / rate).quantize(Decimal("1E-6"))
        self.resources = [r for r in world.resources.values() if world.export_of(r) == export.export]
        self.commitments = [c for c in world.commitments.values() if c.export == export.export]
        self.billed = self.invoiced = Decimal(0)
        self.common: dict[str, dict[str, Any]] = {}

    def charges(self, days: int | None) -> Iterator[dict[str, Any]]:
        for charge in self._use(days or self.month.days):
            self.billed += charge["BilledCost"]
            yield charge
        self.invoiced = self.billed
        for charge in (*self._purchases(days or self.month.days), *(self._fees() if days is None else ())):
            self.invoiced += charge["BilledCost"]
            yield charge
        if days is None:
            yield from self._rounding()

    def _use(self, last: int) -> Iterator[dict[str, Any]]:
        for number in range(1, last + 1):
            day = date(self.month.year, self.month.month, number)
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            running = [r for r in self.resources if r.first <= day < r.last]
            used = {r.name: quantity(self.world, r, day) for r in running if r.load != "hourly"}
            parts, unused = self._covered(day, used)
            for one in running:
                if one.load == "hourly":
                    yield from self._hours(one, start)
                    continue
                if used[one.name]:
                    yield from (
                        self._charge(one, start, start + DAY, p) for p in parts[one.name] if p.quantity
                    )
            yield from (self._unused(c, day, start, rest) for c, rest in unused if rest)

    def _covered(
        self, day: date, used: dict[str, Decimal]
    ) -> tuple[dict[str, list[Part]], list[tuple[Commitment, Decimal]]]:
        """Each resource's use, cut into covered and not; what each commitment leaves unused, in its own unit."""
        parts: dict[str, list[Part]] = {n: [] for n in used}
        left, unused = dict(used), []
        for c in self.commitments:
            if not c.start <= day < c.end:
                continue
            rest = c.amount
            for name in c.resources:
                one = self.world.resources[name]
                price = self.price(one, day) * c.rate
                most = left.get(name, Decimal(0))
                able = (rest / price).quantize(QUANTITY, ROUND_FLOOR) if c.kind == "spend" else rest
                taken = min(most, able)
                if taken:
                    parts[name].append(Part(taken, c))
                    left[name] -= taken
                    rest -= taken * price if c.kind == "spend" else taken
            unused.append((c, rest))
        for name, rest in left.items():
            parts[name].append(Part(rest))
        return parts, unused

    def price(self, one: Resource, day: date) -> Decimal:
        """List price in the billing currency."""
        return self.world.price(one.sku, day) * self.rate

    def _hours(self, one: Resource, start: datetime) -> Iterator[dict[str, Any]]:
        for hour in range(24):
            begin = start + hour * HOUR
            busy = (
                WAVES[hour]
                * (55 if begin.weekday() >= 5 else 100)
                * self.world.season(one.team, begin.date())
            )
            count = 16 + busy * 20 / 1400 + self.world.streams.below(4, "use", one.name, begin)
            yield self._charge(one, begin, begin + HOUR, Part(count.quantize(Decimal(1))))

    def _charge(self, one: Resource, start: datetime, end: datetime, part: Part) -> dict[str, Any]:
        day = start.date()
        price, c, used = self.price(one, day), part.commitment, part.quantity
        discount = self.world.discount(self.export.export, one, day)
        paid = price * discount
        listed = one.sku.sku not in SELLERS
        effective = used * (price * c.rate if c else paid)
        charge = self._static(one) | {
            "ChargePeriodStart": start,
            "ChargePeriodEnd": end,
            "PricingCategory": "Committed" if c else "Dynamic" if one.style == "spot" else "Standard",
            "PricingQuantity": used,
            "ConsumedQuantity": used,
            "ListUnitPrice": price if listed else None,
            "ContractedUnitPrice": paid,
            "ListCost": used * (price if listed else paid),
            "ContractedCost": used * paid,
            "EffectiveCost": effective,
            "BilledCost": Decimal(0) if c else effective,
        }
        if c:
            charge |= self._discount(c, "Used", effective if c.kind == "spend" else used)
        return charge | self._own_currency(charge, one, c.rate if c else discount)

    def _own_currency(self, charge: dict[str, Any], one: Resource, share: Decimal) -> dict[str, Any]:
        """A charge of use in the currency in which its price is made; `share` of the list price is its effective cost."""
        used, paid = charge["PricingQuantity"], charge["ContractedUnitPrice"]
        found = {
            "PricingCurrencyEffectiveCost": charge["EffectiveCost"],
            "PricingCurrencyListUnitPrice": charge["ListUnitPrice"],
            "PricingCurrencyContractedUnitPrice": paid,
        }
        if self.export.currency == "EUR":
            price = self.world.price(one.sku, charge["ChargePeriodStart"].date())
            discount = self.world.discount(self.export.export, one, charge["ChargePeriodStart"].date())
            found = dict(zip(found, (used * price * share, price, price * discount), strict=True))
        elif one.sku.unit == "Credits":  # a currency of the vendor's own
            found = dict(zip(found, (used, Decimal(1), Decimal(1)), strict=True))
            found["PricingCurrency"] = "Palisade Credits"
        return found

    def _static(self, one: Resource) -> dict[str, Any]:
        """What does not change within the month."""
        if one.name not in self.common:
            sku, seller = one.sku, SELLERS.get(one.sku.sku)
            found = identified(self.world, one)
            details = {"InstanceType": sku.instance, "CoreCount": sku.cores, "MemorySize": sku.memory}
            self.common[one.name] = (
                self._account(one.account)
                | {
                    "ChargeCategory": "Usage",
                    "ChargeFrequency": "Usage-Based",
                    "ChargeDescription": " ".join(x for x in (sku.meter, sku.instance, one.region) if x),
                    "ChargeClass": None,
                    "PricingUnit": sku.unit,
                    "ConsumedUnit": sku.unit,
                    "ServiceName": sku.service,
                    "ServiceCategory": sku.category,
                    "ServiceSubcategory": sku.subcategory,
                    "SkuMeter": sku.meter,
                    "SkuPriceDetails": {k: v for k, v in details.items() if v} or None,
                    "RegionId": one.region or None,
                    "RegionName": region_name(one.region),
                    "x_Resource": one.name,
                }
                | found
                | ({"PublisherName": seller} if seller else {})
            )
        return self.common[one.name]

    def _account(self, account: str) -> dict[str, Any]:
        export, of = self.export, self.world.accounts[account]
        sub = {
            "AWS": "Linked account",
            "Microsoft": "Subscription",
            "Google": "Project",
            "Oracle": "Tenancy",
        }.get(export.provider, "Workspace")
        return {
            "ProviderName": export.provider,
            "ServiceProviderName": export.provider,
            "PublisherName": export.publisher,
            "HostProviderName": export.provider,
            "InvoiceIssuerName": export.issuer,
            "InvoiceId": invoice_id(export, self.month),
            "BillingAccountId": export.billing_id,
            "BillingAccountName": export.billing_name,
            "BillingAccountType": export.billing_type,
            "BillingCurrency": export.currency,
            "PricingCurrency": "USD",
            "BillingPeriodStart": self.month.start,
            "BillingPeriodEnd": self.month.end,
            "SubAccountId": of["id"],
            "SubAccountName": of["name"],
            "SubAccountType": sub,
        }

    def _discount(self, c: Commitment, status: str, quantity: Decimal) -> dict[str, Any]:
        return {
            "CommitmentDiscountId": commitment_id(self.world, c),
            "CommitmentDiscountName": c.name,
            "CommitmentDiscountCategory": c.category,
            "CommitmentDiscountType": c.type,
            "CommitmentDiscountUnit": c.unit,
            "CommitmentDiscountStatus": status,
            "CommitmentDiscountQuantity": quantity,
            "x_Contract": c.contract,
        }

    def _unused(self, c: Commitment, day: date, start: datetime, rest: Decimal) -> dict[str, Any]:
        """What was committed for a day and nobody used."""
        one = self.world.resources[c.resources[0]]
        price = self.price(one, day)
        effective = rest if c.kind == "spend" else rest * price * c.rate
        found = commitment_id(self.world, c)
        charge = self._static(one) | {
            "ChargePeriodStart": start,
            "ChargePeriodEnd": start + DAY,
            "ChargeDescription": f"Unused {c.name}",
            "PricingCategory": "Committed",
            "PricingQuantity": rest if c.kind == "usage" else Decimal(1),
            "PricingUnit": one.sku.unit if c.kind == "usage" else c.unit,
            "ConsumedQuantity": None,
            "ConsumedUnit": None,
            "ListUnitPrice": None,
            "ContractedUnitPrice": None,
            "ListCost": Decimal(0),
            "ContractedCost": Decimal(0),
            "EffectiveCost": effective,
            "BilledCost": Decimal(0),
            "ResourceId": found,
            "ResourceName": c.name,
            "ResourceType": c.type,
            "Tags": None,
            "x_Resource": c.id,
        }
        charge |= self._discount(c, "Unused", rest)
        return charge | self._in_dollars(effective)

    def _in_dollars(self, cost: Decimal) -> dict[str, Any]:
        """Effective cost in dollars of what has no price; of a euro charge a quotient, at ten places."""
        dollars = (cost / self.rate).quantize(Decimal("1E-10")) if self.export.currency == "EUR" else cost
        return {"PricingCurrencyEffectiveCost": dollars}

    def _purchases(self, last: int) -> Iterator[dict[str, Any]]:
        """Monthly payments for the days that a commitment holds, or all of it at once when it begins."""
        first, end = self.month.start.date(), self.month.start.date() + timedelta(days=last)
        for c in self.commitments:
            one = self.world.resources[c.resources[0]]
            per_day = c.amount if c.kind == "spend" else c.amount * self.price(one, first) * c.rate
            if c.upfront:
                if not first <= c.start < end:
                    continue
                days, words = (c.end - c.start).days, "upfront"
            else:
                days, words = (min(c.end, end) - max(c.start, first)).days, "monthly payment"
            if days <= 0:
                continue
            cost = per_day * days
            fee = self._fee(one.account, "Purchase", f"{c.name}, {words}", cost, Decimal(0))
            yield (
                fee
                | {
                    "ServiceName": one.sku.service,
                    "ServiceCategory": one.sku.category,
                    "ServiceSubcategory": one.sku.subcategory,
                    "ChargeFrequency": "One-Time" if c.upfront else "Recurring",
                    "PricingCategory": "Standard",
                    "PricingQuantity": Decimal(1),
                    "PricingUnit": "Reservations" if c.upfront else "Months",
                    "ListUnitPrice": cost,
                    "ContractedUnitPrice": cost,
                    "PricingCurrencyListUnitPrice": None,
                    "PricingCurrencyContractedUnitPrice": None,
                    "SkuId": f"COMMIT-{c.id}".upper(),
                    "SkuPriceId": f"COMMIT-{c.id}.1".upper(),
                    "x_Resource": c.id,
                }
                | {
                    k: v
                    for k, v in self._discount(c, "", Decimal(0)).items()
                    if k
                    not in (
                        "CommitmentDiscountStatus",
                        "CommitmentDiscountQuantity",
                        "CommitmentDiscountUnit",
                    )
                }
                | {
                    "CommitmentDiscountQuantity": cost if c.kind == "spend" else c.amount * days,
                    "CommitmentDiscountUnit": c.unit,
                    "ResourceId": commitment_id(self.world, c),
                    "ResourceName": c.name,
                    "ResourceType": c.type,
                }
            )

    def _fees(self) -> Iterator[dict[str, Any]]:
        """Support, tax, credits and refunds, when the month is closed."""
        for row in table("fees"):
            if row["export"] != self.export.export or not row["from"] <= str(self.month) <= (
                row["to"] or "9"
            ):
                continue
            if row["percent"]:
                cost = (self.billed * Decimal(row["percent"]) / 100).quantize(Decimal("0.01"))
            else:
                cost = Decimal(row["amount"])
            fee = self._fee(row["account"], row["category"], row["description"], cost, cost)
            fee |= {
                "ChargeClass": row["class"] or None,
                "ChargeFrequency": row["frequency"],
                "ServiceName": row["service"],
                "ServiceCategory": row["service_category"],
                "ServiceSubcategory": row["subcategory"],
            }
            if row["category"] == "Usage" and not row["class"]:  # support: one unit of a plan
                fee |= {
                    "PricingCategory": "Standard",
                    "PricingQuantity": Decimal(1),
                    "PricingUnit": "Months",
                    "ConsumedQuantity": Decimal(1),
                    "ConsumedUnit": "Months",
                    "ListUnitPrice": cost,
                    "ContractedUnitPrice": cost,
                    "SkuId": f"SUPPORT-{self.export.provider}".upper(),
                    "SkuPriceId": f"SUPPORT-{self.export.provider}.1".upper(),
                }
            yield fee

    def _rounding(self) -> Iterator[dict[str, Any]]:
        """What brings the month to whole cents, as its invoice has it."""
        rest = self.invoiced.quantize(Decimal("0.01")) - self.invoiced
        if rest:
            account = next(a for a, row in self.world.accounts.items() if row["export"] == self.export.export)
            yield self._fee(account, "Adjustment", "Rounding to whole cents", rest, rest) | {
                "ServiceName": "Rounding",
                "ServiceCategory": "Other",
                "ServiceSubcategory": "Other (Other)",
            }

    def _fee(
        self, account: str, category: str, words: str, cost: Decimal, effective: Decimal
    ) -> dict[str, Any]:
        blank = dict.fromkeys(
            (
                "PricingCategory",
                "PricingQuantity",
                "PricingUnit",
                "ConsumedQuantity",
                "ConsumedUnit",
                "ListUnitPrice",
                "ContractedUnitPrice",
                "ResourceId",
                "ResourceName",
                "ResourceType",
                "RegionId",
                "RegionName",
                "SkuId",
                "SkuPriceId",
                "SkuMeter",
                "SkuPriceDetails",
                "Tags",
                "ChargeClass",
            )
        )
        fee = (
            self._account(account)
            | blank
            | {
                "ChargeCategory": category,
                "ChargeFrequency": "One-Time",
                "ChargeDescription": words,
                "ChargePeriodStart": self.month.start,
                "ChargePeriodEnd": self.month.end,
                "BilledCost": cost,
                "EffectiveCost": effective,
                "ContractedCost": cost,
                "ListCost": cost,
                "x_Resource": words,
            }
        )
        return fee | self._in_dollars(effective)


def invoice_id(export: Export, month: Month) -> str:
    """The number of a month's invoice."""
    initials = "".join(w[0] for w in export.export.split("-")).upper()
    return f"{initials}-{month.year}{month.month:02d}-{export.billing_id[-4:]}"


def detail_id(invoice: str, category: str, service: str) -> str:
    """The line of an invoice to which a charge belongs; charges of version 1.4 carry it."""
    return f"{invoice}/{category}/{service}".replace(" ", "-")


def commitment_id(world: World, c: Commitment) -> str:
    """A commitment as its provider names it."""
    payer = world.exports[c.export].billing_id
    code = world.streams.word(12, "commitment", c.id)
    return {
        "AWS": f"arn:aws:savingsplans::{payer}:savingsplan/{code}"
        if c.kind == "spend"
        else f"arn:aws:reserved-instances:us-east-1:{payer}:{code}",
        "Microsoft": f"/providers/Microsoft.Capacity/reservationOrders/{code}",
        "Google": f"projects/{COMPANY.lower()}/regions/europe-west1/commitments/{code}",
    }[world.exports[c.export].provider]
