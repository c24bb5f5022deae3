"""The sample company, first edition: Larkspur, a software company with two clouds, written from a seed.

Thirteen closed months and an open one, in the form two exporters deliver it: AWS (FOCUS 1.0, from December 2025
on 1.2) and Microsoft (FOCUS 1.2, from June 2026 on 1.4). The story, month by month, stands in
``sample_data/README.md``. Every random stream is named by the line it belongs to, so that a new line changes no
other. All amounts are made up; prices are of the order of public list prices in 2026.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

from helpers.terms.focus import columns
from helpers.terms.period import Month

COMPANY = "Larkspur"
FIRST, LAST = Month(2025, 9), Month(2026, 9)  # closed months; the next one is open
OPEN_DAYS = 4  # days of the open month that the last delivery holds
DELIVERED = (date(2026, 9, 5), date(2026, 10, 5))
LAPSE = date(2026, 9, 3)  # the AWS savings plan ends at the start of this day
PRICE_RISE = date(2026, 9, 1)  # RDS list price of one SKU, +3 %
PLACES = Decimal("1E-10")
UPFRONT = "analytics-vms"  # its reservation is renewed and paid at once in February

# What each provider charges for one unit [USD], the share of list the company negotiated, and core counts.
EDP = Decimal("0.94")
PLAN = Decimal("0.70")  # committed price as a share of list
RESERVED = Decimal("0.62")


@dataclass(frozen=True)
class Line:
    """One kind of daily charge: a resource of one department, its daily quantity and its price.

    `quantity` is units a day at the start; it grows by `growth` a month and falls to `weekend` of itself on
    Saturdays and Sundays. `covered` is the share that a commitment covers while it runs.
    """

    name: str
    provider: str
    account: str
    service: str
    category: str
    subcategory: str
    sku: str
    meter: str
    unit: str
    quantity: float
    price: str
    region: str
    tags: dict[str, str] = field(default_factory=dict)
    growth: float = 0.01
    weekend: float = 1.0
    covered: float = 0.0
    spot: bool = False
    cores: int = 0
    instance: str = ""
    publisher: str = ""
    listed: bool = True
    first: date = date(2025, 9, 1)
    last: date = date(2027, 1, 1)
    jumps: tuple[tuple[date, float], ...] = ()


def _tags(team: str, env: str = "prod", key: str = "team") -> dict[str, str]:
    return {key: team, "env": env}


AWS, AZURE = "AWS", "Microsoft"
ACCOUNTS = {
    "checkout": ("200000000011", "checkout-prod"),
    "search": ("200000000012", "search-prod"),
    "platform": ("200000000013", "platform-shared"),
    "data": ("200000000014", "data-lake"),
    "sandbox": ("200000000019", "sandbox"),
    "growth": ("5e6b1c1e-0000-4000-9000-000000000021", "growth-apps"),
    "analytics": ("5e6b1c1e-0000-4000-9000-000000000022", "analytics"),
    "legacy": ("5e6b1c1e-0000-4000-9000-000000000029", "acquired-legacy"),
}
VM, DB = "Virtual Machines", "Relational Databases"
US, EU, WEU = "us-east-1", "eu-west-1", "westeurope"
LINES = (
    Line(
        "checkout-web",
        AWS,
        "checkout",
        "Amazon Elastic Compute Cloud",
        "Compute",
        VM,
        "EC2-M6I-2XL",
        "Compute",
        "Hours",
        2600,
        "0.384",
        US,
        _tags("Checkout"),
        0.012,
        0.86,
        0.68,
        cores=8,
        instance="m6i.2xlarge",
        jumps=((date(2025, 11, 20), 1.22), (date(2026, 1, 2), 0.84), (date(2026, 9, 8), 1.11)),
    ),
    Line(
        "search-index",
        AWS,
        "search",
        "Amazon Elastic Compute Cloud",
        "Compute",
        VM,
        "EC2-R6I-XL",
        "Compute",
        "Hours",
        3000,
        "0.252",
        US,
        _tags("Search"),
        0.008,
        0.95,
        0.60,
        cores=4,
        instance="r6i.xlarge",
    ),
    Line(
        "search-old",
        AWS,
        "search",
        "Amazon Elastic Compute Cloud",
        "Compute",
        VM,
        "EC2-M4-XL",
        "Compute",
        "Hours",
        900,
        "0.200",
        US,
        _tags("search", key="Team"),
        0.0,
        1.0,
        cores=4,
        instance="m4.xlarge",
    ),
    Line(
        "data-batch",
        AWS,
        "data",
        "Amazon Elastic Compute Cloud",
        "Compute",
        VM,
        "EC2-C6I-4XL-SPOT",
        "Compute",
        "Hours",
        950,
        "0.680",
        US,
        _tags("Data"),
        0.015,
        0.7,
        spot=True,
        cores=16,
        instance="c6i.4xlarge",
    ),
    Line(
        "sandbox-vms",
        AWS,
        "sandbox",
        "Amazon Elastic Compute Cloud",
        "Compute",
        VM,
        "EC2-M6I-L",
        "Compute",
        "Hours",
        2400,
        "0.096",
        EU,
        {},
        0.02,
        1.0,
        cores=2,
        instance="m6i.large",
    ),
    Line(
        "checkout-db",
        AWS,
        "checkout",
        "Amazon Relational Database Service",
        "Databases",
        DB,
        "RDS-R6G-2XL",
        "Instance",
        "Hours",
        720,
        "1.036",
        US,
        _tags("Checkout"),
        0.006,
        1.0,
        cores=8,
        instance="db.r6g.2xlarge",
    ),
    Line(
        "platform-db",
        AWS,
        "platform",
        "Amazon Relational Database Service",
        "Databases",
        DB,
        "RDS-M6G-XL",
        "Instance",
        "Hours",
        910,
        "0.354",
        US,
        _tags("Platform"),
        0.004,
        1.0,
        cores=4,
        instance="db.m6g.xlarge",
    ),
    Line(
        "lake-hot",
        AWS,
        "data",
        "Amazon Simple Storage Service",
        "Storage",
        "Object Storage",
        "S3-STANDARD",
        "TimedStorage-ByteHrs",
        "GB-Months",
        38000,
        "0.023",
        US,
        _tags("Data"),
        0.013,
    ),
    Line(
        "lake-cold",
        AWS,
        "data",
        "Amazon Simple Storage Service",
        "Storage",
        "Object Storage",
        "S3-STANDARD-IA",
        "TimedStorage-SIA-ByteHrs",
        "GB-Months",
        21000,
        "0.0125",
        US,
        _tags("Data"),
        0.018,
    ),
    Line(
        "egress",
        AWS,
        "platform",
        "AWS Data Transfer",
        "Networking",
        "Network Connectivity",
        "DTO-USE1",
        "DataTransfer-Out-Bytes",
        "GB",
        7900,
        "0.085",
        US,
        _tags("Platform"),
        0.005,
        0.8,
    ),
    Line(
        "api",
        AWS,
        "platform",
        "Amazon API Gateway",
        "Integration",
        "API Management",
        "APIGW-REQ",
        "ApiGatewayRequest",
        "Requests",
        61000000,
        "0.0000035",
        US,
        _tags("Platform"),
        0.01,
        0.75,
    ),
    Line(
        "ai-input",
        AWS,
        "checkout",
        "Amazon Bedrock",
        "AI and Machine Learning",
        "Generative AI",
        "BEDROCK-IN",
        "Input-Tokens",
        "Tokens",
        88000000,
        "0.000003",
        US,
        _tags("Checkout"),
        0.05,
        0.8,
        first=date(2026, 1, 15),
        jumps=((date(2026, 9, 1), 1.28),),
    ),
    Line(
        "ai-cached",
        AWS,
        "checkout",
        "Amazon Bedrock",
        "AI and Machine Learning",
        "Generative AI",
        "BEDROCK-CACHE",
        "Cache-Read-Input-Tokens",
        "Tokens",
        40000000,
        "0.0000003",
        US,
        _tags("Checkout"),
        0.05,
        0.8,
        first=date(2026, 3, 1),
    ),
    Line(
        "ai-output",
        AWS,
        "checkout",
        "Amazon Bedrock",
        "AI and Machine Learning",
        "Generative AI",
        "BEDROCK-OUT",
        "Output-Tokens",
        "Tokens",
        21000000,
        "0.000015",
        US,
        _tags("Checkout"),
        0.05,
        0.8,
        first=date(2026, 1, 15),
        jumps=((date(2026, 9, 1), 1.28),),
    ),
    Line(
        "growth-vms",
        AZURE,
        "growth",
        "Virtual Machines",
        "Compute",
        VM,
        "D4S-V5",
        "D4s v5",
        "Hours",
        2700,
        "0.230",
        WEU,
        _tags("Growth"),
        0.009,
        0.93,
        0.62,
        cores=4,
        instance="Standard_D4s_v5",
    ),
    Line(
        "analytics-vms",
        AZURE,
        "analytics",
        "Virtual Machines",
        "Compute",
        VM,
        "E8S-V5",
        "E8s v5",
        "Hours",
        1300,
        "0.608",
        WEU,
        _tags("Data"),
        0.01,
        0.9,
        0.55,
        cores=8,
        instance="Standard_E8s_v5",
    ),
    Line(
        "growth-sql",
        AZURE,
        "growth",
        "Azure SQL Database",
        "Databases",
        DB,
        "SQLDB-GP-4",
        "vCore",
        "Hours",
        480,
        "1.180",
        WEU,
        _tags("Growth"),
        0.004,
    ),
    Line(
        "blob-hot",
        AZURE,
        "analytics",
        "Storage",
        "Storage",
        "Object Storage",
        "BLOB-HOT-LRS",
        "Hot LRS Data Stored",
        "GB-Months",
        17500,
        "0.0196",
        WEU,
        _tags("Data"),
        0.02,
    ),
    Line(
        "blob-cool",
        AZURE,
        "analytics",
        "Storage",
        "Storage",
        "Object Storage",
        "BLOB-COOL-LRS",
        "Cool LRS Data Stored",
        "GB-Months",
        26000,
        "0.0100",
        WEU,
        _tags("Data"),
        0.01,
    ),
    Line(
        "legacy-vms",
        AZURE,
        "legacy",
        "Virtual Machines",
        "Compute",
        VM,
        "D2-V2",
        "D2 v2",
        "Hours",
        1900,
        "0.136",
        WEU,
        {},
        0.0,
        1.0,
        cores=2,
        instance="Standard_D2_v2",
        last=date(2026, 9, 16),
    ),
    Line(
        "databricks",
        AZURE,
        "analytics",
        "Azure Databricks",
        "Analytics",
        "Data Processing",
        "DBU-JOBS",
        "Premium Jobs Compute DBU",
        "DBU",
        1150,
        "0.300",
        WEU,
        _tags("Data"),
        0.014,
        0.7,
    ),
    Line(
        "seats",
        AZURE,
        "growth",
        "Helpdesk Seats",
        "Business Applications",
        "Productivity and Collaboration",
        "MP-SEATS",
        "Seat",
        "Seats",
        14,
        "9.500",
        WEU,
        _tags("Growth"),
        0.004,
        publisher="Tidewater Desk",
        listed=False,
    ),
)


def write(to: Path, seed: int = 20260901) -> list[Path]:
    """Write the sample company's deliveries under `to`.

    Parameters
    ----------
    to : Path
        Folder; made when absent. Files of the same names are replaced.
    seed : int
        The same seed gives the same bytes.

    Returns
    -------
    list of Path
        The delivery folders in the order in which they came: each holds a ``manifest.json`` and is one
        ``finops ingest``. Owner rules and other companion tables stand in ``company/`` beside them.
    """
    history = [str(FIRST.plus(n)) for n in range(12)]
    deliveries = []
    for delivered, closed, opened in (
        (DELIVERED[0], history, str(LAST)),
        (DELIVERED[1], [str(LAST)], str(LAST.plus(1))),
    ):
        for provider, source in ((AWS, "aws-larkspur"), (AZURE, "azure-larkspur")):
            folder = to / f"{delivered}-{source}"
            folder.mkdir(parents=True, exist_ok=True)
            files = [
                _write_month(folder, provider, Month.parse(m), seed, OPEN_DAYS if m == opened else None)
                for m in [*closed, opened]
            ]
            manifest = {
                "source": source,
                "delivered": str(delivered),
                "periods": [*closed, opened],
                "files": files,
            }
            (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            deliveries.append(folder)
    _write_companions(to / "company", seed)
    return deliveries


def _write_month(folder: Path, provider: str, month: Month, seed: int, days: int | None) -> dict[str, object]:
    version = _version(provider, month)
    text = io.StringIO(newline="")
    header = _header(provider, version)
    out = csv.DictWriter(text, header, lineterminator="\n")
    out.writeheader()
    rows = 0
    for charge in month_charges(provider, month, seed, days):
        out.writerow({c: _text(charge.get(c)) for c in header})
        rows += 1
    raw = text.getvalue().encode()
    if provider == AWS:  # AWS Data Exports deliver gzip, Cost Management plain CSV
        name, data = f"{month}.csv.gz", gzip.compress(raw, mtime=0)
    else:
        name, data = f"{month}.csv", raw
    (folder / name).write_bytes(data)
    return {"path": name, "rows": rows, "sha256": hashlib.sha256(data).hexdigest()}


def _version(provider: str, month: Month) -> str:
    if provider == AWS:
        return "1.0" if month < Month(2025, 12) else "1.2"
    return "1.2" if month < Month(2026, 6) else "1.4"


def _header(provider: str, version: str) -> list[str]:
    own = {AWS: ["x_Operation"], AZURE: ["x_ResourceGroupName"]}[provider]
    unused = {"AllocatedMethodDetails", "AllocatedMethodId", "AllocatedResourceId", "AllocatedResourceName"}
    unused |= {"AllocatedTags", "ContractApplied", "CommitmentProgramEligibilityDetails", "InvoiceDetailId"}
    return [c for c in columns(version) if c not in unused] + own


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return str(value)


def month_charges(provider: str, month: Month, seed: int, days: int | None = None) -> Iterator[dict]:
    """Charges of one provider and month as FOCUS columns of every version, decimals exact.

    Parameters
    ----------
    days : int, optional
        Only the first days of the month, as in a delivery of an open month: no monthly fees and tax yet.
    """
    last = days or month.days
    billed = Decimal(0)
    committed: dict[str, Decimal] = {}  # effective cost of used and unused commitment, by resource
    for day in (date(month.year, month.month, d) for d in range(1, last + 1)):
        for line in LINES:
            if line.provider == provider and line.first <= day < line.last:
                for charge in _day(line, day, month, seed):
                    billed += charge["BilledCost"]
                    if charge["PricingCategory"] == "Committed":
                        committed[line.name] = committed.get(line.name, Decimal(0)) + charge["EffectiveCost"]
                    yield charge
    for line, charge in _unused(provider, month, last, seed):
        committed[line.name] += charge["EffectiveCost"]
        yield charge
    if provider == AWS and month == LAST:
        for charge in _hourly(month, last, seed):
            billed += charge["BilledCost"]
            yield charge
    yield from _fees(provider, month, billed, committed, closed=days is None)


def _quantity(line: Line, day: date, seed: int) -> Decimal:
    noise = random.Random(f"{seed}/{line.name}/{day}").gauss(1, 0.015)
    months = (day.year - 2025) * 12 + day.month - 9 + day.day / 31
    level = line.quantity * (1 + line.growth) ** months * noise
    for since, factor in line.jumps:
        level *= factor if day >= since else 1
    if day.weekday() >= 5:
        level *= line.weekend
    if line.unit == "GB-Months":  # a day's share of a month
        level /= 30
    return _round(Decimal(repr(level)), Decimal("1") if line.quantity > 1e6 else Decimal("1E-4"))


def _round(value: Decimal, places: Decimal = PLACES) -> Decimal:
    return value.quantize(places, ROUND_HALF_EVEN)


def _price(line: Line, day: date) -> Decimal:
    price = Decimal(line.price)
    return price * Decimal("1.03") if line.name == "checkout-db" and day >= PRICE_RISE else price


def _commitment(line: Line) -> dict[str, object]:
    if line.provider == AWS:
        plan = "arn:aws:savingsplans::200000000001:savingsplan/7f1d0c"
        return {
            "CommitmentDiscountId": plan,
            "CommitmentDiscountName": "Compute savings plan 2023",
            "CommitmentDiscountCategory": "Spend",
            "CommitmentDiscountType": "ComputeSavingsPlans",
            "CommitmentDiscountUnit": "USD",
        }
    return {
        "CommitmentDiscountId": f"/providers/Microsoft.Capacity/reservationOrders/{line.sku.lower()}",
        "CommitmentDiscountName": f"{line.instance} 1 year",
        "CommitmentDiscountCategory": "Usage",
        "CommitmentDiscountType": "Reservation",
        "CommitmentDiscountUnit": "Hours",
    }


def _day(line: Line, day: date, month: Month, seed: int) -> Iterator[dict]:
    quantity = _quantity(line, day, seed)
    running = line.covered and not (line.provider == AWS and day >= LAPSE)
    covered = _round(quantity * Decimal(repr(line.covered)), Decimal("1E-4")) if running else Decimal(0)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for part, used in ((covered, True), (quantity - covered, False)):
        if part:
            yield _charge(line, day, month, start, start + timedelta(days=1), part, used)


def _charge(
    line: Line, day: date, month: Month, start: datetime, end: datetime, quantity: Decimal, used: bool
) -> dict:
    price = _price(line, day)
    negotiated = EDP if line.provider == AWS and not line.spot else Decimal(1)
    paid = Decimal("0.31") if line.spot else negotiated
    list_cost = _round(quantity * price) if line.listed else None
    contracted = _round(quantity * price * paid)
    share = (PLAN if line.provider == AWS else RESERVED) if used else paid
    effective = _round(quantity * price * share)
    charge = _common(line, month, start, end) | {
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargeDescription": f"{line.meter} {line.instance or line.service}",
        "PricingCategory": "Committed" if used else "Dynamic" if line.spot else "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": line.unit,
        "ConsumedQuantity": quantity,
        "ConsumedUnit": line.unit,
        "ListUnitPrice": price if line.listed else None,
        "ContractedUnitPrice": price * paid,
        "ListCost": list_cost,
        "ContractedCost": contracted,
        "EffectiveCost": effective,
        "BilledCost": Decimal(0) if used else contracted,
    }
    if used:
        charge |= _commitment(line) | {
            "CommitmentDiscountStatus": "Used",
            "CommitmentDiscountQuantity": effective if line.provider == AWS else quantity,
        }
    return charge


def _common(line: Line, month: Month, start: datetime, end: datetime) -> dict:
    account, name = ACCOUNTS[line.account]
    aws = line.provider == AWS
    seller = line.publisher or ("Amazon Web Services, Inc." if aws else "Microsoft")
    details: dict[str, object] = {}
    if line.cores:
        details = {"InstanceType": line.instance, "CoreCount": line.cores}
    return {
        "ProviderName": line.provider,
        "ServiceProviderName": line.provider,
        "PublisherName": seller,
        "HostProviderName": line.provider,
        "InvoiceIssuerName": "Amazon Web Services, Inc." if aws else "Microsoft Ireland Operations Ltd",
        "InvoiceId": f"{'E' if aws else 'G'}{month.year}{month.month:02d}0417",
        "BillingAccountId": "200000000001" if aws else "ea-7781204",
        "BillingAccountName": COMPANY,
        "BillingAccountType": "Payer account" if aws else "Enterprise Agreement",
        "BillingCurrency": "USD",
        "PricingCurrency": "USD",
        "BillingPeriodStart": month.start,
        "BillingPeriodEnd": month.end,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "SubAccountId": account,
        "SubAccountName": name,
        "SubAccountType": "Linked account" if aws else "Subscription",
        "ServiceName": line.service,
        "ServiceCategory": line.category,
        "ServiceSubcategory": line.subcategory,
        "SkuId": line.sku,
        "SkuMeter": line.meter,
        "SkuPriceId": f"{line.sku}.{'edp' if aws else 'payg'}",
        "SkuPriceDetails": details or None,
        "ResourceId": f"arn:aws:larkspur:{line.region}:{account}:{line.name}"
        if aws
        else _azure_id(account, line),
        "ResourceName": line.name,
        "ResourceType": line.service,
        "RegionId": line.region,
        "RegionName": {US: "US East (N. Virginia)", EU: "EU (Ireland)", WEU: "West Europe"}[line.region],
        "Tags": line.tags or None,
        "x_Operation": "RunInstances" if line.cores else "Usage",
        "x_ResourceGroupName": f"rg-{name}",
    }


def _azure_id(account: str, line: Line) -> str:
    return f"/subscriptions/{account}/resourceGroups/rg-{line.account}/{line.name}"


def _unused(provider: str, month: Month, last: int, seed: int) -> Iterator[tuple[Line, dict]]:
    """What was committed and not used, a line a day: little, more at weekends, as the plan was sized for weekdays."""
    for line in LINES:
        if line.provider != provider or not line.covered:
            continue
        for number in range(1, last + 1):
            day = date(month.year, month.month, number)
            if provider == AWS and day >= LAPSE:
                continue
            share = Decimal("0.034") if day.weekday() >= 5 else Decimal("0.006")
            quantity = _round(
                _quantity(line, day, seed) * Decimal(repr(line.covered)) * share, Decimal("1E-4")
            )
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            charge = _charge(line, day, month, start, start + timedelta(days=1), quantity, used=True)
            effective = charge["EffectiveCost"]
            yield (
                line,
                charge
                | {
                    "ChargeDescription": "Unused commitment",
                    "CommitmentDiscountStatus": "Unused",
                    "CommitmentDiscountQuantity": effective if provider == AWS else quantity,
                    "ConsumedQuantity": None,
                    "ConsumedUnit": None,
                    "ResourceId": charge["CommitmentDiscountId"],
                    "ListCost": Decimal(0),
                    "ListUnitPrice": None,
                    "ContractedCost": Decimal(0),
                    "ContractedUnitPrice": None,
                    "Tags": None,
                },
            )


def _hourly(month: Month, last: int, seed: int) -> Iterator[dict]:
    """An autoscaled tier billed by the hour: quiet at night, busy at noon."""
    line = Line(
        "search-web", AWS, "search", "Amazon Elastic Compute Cloud", "Compute", VM, "EC2-C6I-L", "Compute",
        "Hours", 1, "0.085", US, _tags("Search"), cores=2, instance="c6i.large",
    )  # fmt: skip
    rng = random.Random(f"{seed}/search-web/{month}")
    for hour in range(24 * last):
        start = month.start + timedelta(hours=hour)
        busy = 1 + max(0.0, 1 - abs(start.hour - 13) / 8) * (0.55 if start.weekday() >= 5 else 1.0)
        quantity = Decimal(round(18 * busy + rng.uniform(0, 3)))
        yield _charge(line, start.date(), month, start, start + timedelta(hours=1), quantity, used=False)


def _fees(
    provider: str, month: Month, billed: Decimal, committed: dict[str, Decimal], closed: bool
) -> Iterator[dict]:
    """Purchases, support, tax, a credit and a refund: what is no daily use."""
    base = next(x for x in LINES if x.provider == provider and x.covered)
    blank = dict.fromkeys(
        ("PricingUnit", "ConsumedUnit", "ListUnitPrice", "ContractedUnitPrice", "SkuPriceDetails", "Tags"),
        None,
    ) | {
        "PricingQuantity": None,
        "ConsumedQuantity": None,
        "ResourceId": None,
        "ResourceName": None,
        "ResourceType": None,
    }

    def fee(category: str, description: str, cost: Decimal, effective: Decimal, **more: object) -> dict:
        common = _common(base, month, month.start, month.end) | blank
        return common | {
            "ChargeCategory": category,
            "ChargeFrequency": "One-Time",
            "ChargeDescription": description,
            "BilledCost": cost,
            "ContractedCost": cost,
            "ListCost": cost,
            "EffectiveCost": effective,
            "SkuId": None,
            "SkuPriceId": None,
            "SkuMeter": None,
        } | more  # fmt: skip

    no_owner = {"SubAccountId": "200000000001", "SubAccountName": "payer"} if provider == AWS else {}
    for (
        line
    ) in LINES:  # commitments paid monthly cost what their use amortises; one reservation is paid upfront
        monthly = committed.get(line.name) if line.name != UPFRONT else None
        if monthly:
            description = f"{_commitment(line)['CommitmentDiscountName']}, monthly payment for {line.name}"
            recurring = {"ChargeFrequency": "Recurring", "PricingCategory": "Standard", "SubAccountId": None}
            payer = {"SubAccountName": None, "PricingQuantity": Decimal(1), "PricingUnit": "Months"}
            yield fee("Purchase", description, monthly, Decimal(0), **_commitment(line), **recurring, **payer)
    if provider == AZURE and month == Month(2026, 2):
        line = next(x for x in LINES if x.name == UPFRONT)
        upfront = {
            "PricingCategory": "Standard",
            "PricingQuantity": Decimal(1),
            "PricingUnit": "Reservations",
        }
        cost = Decimal("101000.00")
        yield fee(
            "Purchase", "Standard_E8s_v5 1 year, upfront", cost, Decimal(0), **_commitment(line), **upfront
        )
    if not closed:
        return
    support = _round(billed * Decimal("0.03"), Decimal("0.01"))
    yield fee("Usage", "Support, business", support, support, **no_owner, ServiceName="Support", ServiceCategory="Management and Governance", ServiceSubcategory="Support", ChargeFrequency="Recurring", PricingCategory="Standard", SkuId=f"SUPPORT-{provider}")  # fmt: skip
    tax = _round(billed * Decimal("0.019"), Decimal("0.01"))
    yield fee("Tax", "Tax", tax, tax, **no_owner, ServiceName="Tax", ServiceCategory="Other", ServiceSubcategory="Other (Other)", ListCost=tax)  # fmt: skip
    if provider == AWS and month == Month(2026, 6):
        yield fee("Credit", "Migration credit", Decimal("-6000.00"), Decimal("-6000.00"), **no_owner)
    if provider == AWS and month == Month(2026, 8):
        refund = Decimal("-2140.25")
        yield fee("Usage", "Refund for the July outage", refund, refund, ChargeClass="Correction", SubAccountId=ACCOUNTS["search"][0], SubAccountName=ACCOUNTS["search"][1], PricingCategory="Standard")  # fmt: skip


BUDGETS = {
    "": 250_000,
    "Checkout": 92_000,
    "Search": 46_000,
    "Platform": 38_000,
    "Data": 39_000,
    "Growth": 38_000,
}
OWNERS = {
    "Checkout": ("Ana Ruiz", "checkout-prod"),
    "Search": ("Kofi Mensah", "search-prod"),
    "Platform": ("Mei Tanaka", "platform-shared"),
    "Data": ("Lars Holm", "data-lake"),
    "Growth": ("Priya Nair", "growth-apps"),
}


def _write_companions(folder: Path, seed: int) -> None:
    """The company's own tables, as its people would keep them in a spreadsheet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in _companions(seed).items():
        with (folder / name).open("w", newline="", encoding="utf-8") as f:
            csv.writer(f, lineterminator="\n").writerows(rows)
    manifest = {"source": "company", "delivered": str(DELIVERED[0]), "periods": [], "files": []}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _companions(seed: int) -> dict[str, list[list[str]]]:
    key = "tag:team|Team"
    rules = [[key, team, owner, team, ""] for team, (owner, _) in OWNERS.items()]
    rules += [[key, "search", "Kofi Mensah", "Search", ""]]
    rules += [["SubAccountName", account, owner, team, ""] for team, (owner, account) in OWNERS.items()]
    rules += [["SubAccountName", "analytics", "Lars Holm", "Data", ""]]
    rules += [["SubAccountName", "payer", "Mei Tanaka", "Platform", "undistributed"]]
    closed = [FIRST.plus(n) for n in range(13)]
    invoices = [
        [issuer, str(month), "USD", format(total, "f"), ""]
        for month in closed
        for issuer, total in _invoiced(month, seed).items()
    ]
    budgets = [
        [str(month), department, str(amount), "USD"]
        for month in [*closed, LAST.plus(1)]
        for department, amount in BUDGETS.items()
    ]
    return {
        "allocation.csv": [["match_on", "match_value", "owner", "department", "shared"], *rules],
        "tag_policy.csv": [
            ["tag_key", "allowed_values"],
            ["team|Team", "|".join([*OWNERS, "search"])],
            ["env", "prod|staging|dev"],
        ],
        "invoices.csv": [["issuer", "period", "currency", "total", "invoice_id"], *invoices],
        "sources.csv": [
            ["source", "provider", "note"],
            ["aws-larkspur", AWS, "payer account"],
            ["azure-larkspur", AZURE, "enterprise agreement"],
            ["saas-larkspur", "several vendors", "card statements, no FOCUS export asked for yet"],
        ],
        "budgets.csv": [["month", "department", "amount", "currency"], *budgets],
    }


def _invoiced(month: Month, seed: int) -> dict[str, Decimal]:
    """What each issuer's invoice says: the month's charges, rounded to the cent as invoices are."""
    totals: dict[str, Decimal] = {}
    for provider in (AWS, AZURE):
        for charge in month_charges(provider, month, seed):
            issuer = charge["InvoiceIssuerName"]
            totals[issuer] = totals.get(issuer, Decimal(0)) + charge["BilledCost"]
    return {issuer: _round(total, Decimal("0.01")) for issuer, total in totals.items()}
