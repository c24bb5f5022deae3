"""How each provider names a resource, its SKU and its tags."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

from helpers.data.sample.world import Resource, World, table

REGIONS = {
    "us-east-1": "US East (N. Virginia)",
    "eu-west-1": "EU (Ireland)",
    "eu-north-1": "EU (Stockholm)",
    "eu-central-1": "EU (Frankfurt)",
    "ap-southeast-2": "Asia Pacific (Sydney)",
    "westeurope": "West Europe",
    "polandcentral": "Poland Central",
    "europe-west1": "Belgium",
    "eu-frankfurt-1": "eu-frankfurt-1",  # Oracle gives the id as the name
}
AWS_TYPES = {"instance": "i-", "volume": "vol-", "snapshot": "snap-"}
AWS_CODES = {
    "Amazon Elastic Compute Cloud": "ec2",
    "Amazon Relational Database Service": "rds",
    "Amazon Simple Storage Service": "s3",
    "Elastic Load Balancing": "elasticloadbalancing",
    "Amazon ElastiCache": "elasticache",
    "Amazon OpenSearch Service": "es",
    "AmazonCloudWatch": "logs",
    "AWS Lambda": "lambda",
    "Amazon API Gateway": "apigateway",
    "AWS Key Management Service": "kms",
    "Amazon Bedrock": "bedrock",
    "Amazon Virtual Private Cloud": "ec2",
}


def region_name(region: str) -> str | None:
    """A region's name, as its provider writes it."""
    return REGIONS[region] if region else None


def identified(world: World, one: Resource) -> dict[str, Any]:
    """Ids, name, type and tags of a resource."""
    export = world.exports[world.export_of(one)]
    sku = _sku(world, one, export.provider)
    place = _resource_id(world, one, export.provider)
    return {
        "ResourceId": place,
        "ResourceName": one.shown if place else None,
        "ResourceType": (one.sku.resource_type or one.sku.service) if place else None,
        "SkuId": sku,
        "SkuPriceId": f"{sku}.JRTCKXETXF.6YS6EN2CT7"
        if export.provider == "AWS"
        else f"{sku}-{export.currency}",
        "Tags": _tags(world, one) or None,
    }


def _sku(world: World, one: Resource, provider: str) -> str:
    if provider == "AWS":  # sixteen capitals and digits; the same in every company
        return "".join(
            "ABCDEFGHJKMNPQRSTUVWXYZ23456789"[b % 31] for b in _bytes(f"{one.sku.sku}/{one.region}")
        )
    return f"{one.sku.sku}-{one.region}".upper().strip("-").replace(".", "-")


def _bytes(text: str) -> bytes:
    from hashlib import blake2b

    return blake2b(text.encode(), digest_size=16).digest()


def _resource_id(world: World, one: Resource, provider: str) -> str | None:
    account = world.accounts[one.account]["id"]
    code = world.streams.word(17, "resource", one.shown, one.account)
    kind = one.sku.resource_type
    if provider == "AWS":
        service = AWS_CODES.get(one.sku.service)
        if not service or not kind:
            return None  # traffic that belongs to no one resource
        if kind in AWS_TYPES:
            return f"arn:aws:{service}:{one.region}:{account}:{kind}/{AWS_TYPES[kind]}{code}"
        return (
            f"arn:aws:s3:::{one.shown}"
            if kind == "bucket"
            else f"arn:aws:{service}:{one.region}:{account}:{kind}:{one.shown}"
        )
    if provider == "Microsoft":
        return f"/subscriptions/{account}/resourceGroups/rg-{one.account}/providers/{kind.replace(' ', '')}/{one.shown}"
    if provider == "Google":
        return f"//{one.sku.service.lower().replace(' ', '')}.googleapis.com/projects/{account}/{kind.lower()}s/{one.shown}"
    if provider == "Oracle":
        return f"ocid1.{kind}.oc1.{one.region}.{world.streams.word(48, 'ocid', one.shown)}"
    return f"{account}/{one.shown}"


def _tags(world: World, one: Resource) -> dict[str, str]:
    """Tags as they are: three spellings of the team's key, an owner who may have left, another company's scheme.

    What looks like waste and is none says so in a tag of its own (``purposes.csv``).
    """
    owner = world.owner(one.team, max(one.first, date(2024, 10, 1))).lower().replace(" ", ".")
    scheme = {
        "std": {"team": one.team, "env": one.env, "owner": owner},
        "spot": {"team": one.team, "env": one.env},
        "cap": {"Team": one.team.lower(), "env": one.env},
        "blank": {" team": one.team, "env": one.env},
        "label": {"team": one.team.lower(), "env": one.env},
        "fern": {"squad": "documents", "stage": "live" if one.env == "prod" else "try"},
        "fernlow": {"squad": "render", "stage": "live"},
        "oci": {"CostCenter": "CC-900"},
    }.get(one.style, {})
    return scheme | _purposes().get(one.name, {})


@cache
def _purposes() -> dict[str, dict[str, str]]:
    return {r["resource"]: {r["key"]: r["value"]} for r in table("purposes")}
