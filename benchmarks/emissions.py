"""Emissions against figures computed apart: Cloud Carbon Footprint's tables by plain arithmetic, and Boavizta's own package.

Run from the project's folder; needs ../shared/data/emissions (others' data, not part of the project):

    python benchmarks/emissions.py                          # against Cloud Carbon Footprint's tables
    python benchmarks/emissions.py --boavizta PYTHON        # also against the package, run by that environment's Python

The first part reads the raw tables with code of its own and knows nothing of the kit's. The second starts the package
(`pip install boaviztapi==2.5.* httpx2`, AGPL, so in an environment of its own) and asks it for the same machines: first our
formulas on the package's own inputs, which must agree within its rounding, then our figures on our own inputs, to say by how much
they differ. Only figures are kept, in benchmarks/results/emissions.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RAW = ROOT.parent / "shared" / "data" / "emissions"
RESULTS = ROOT / "benchmarks" / "results" / "emissions.json"
LOADS = (0.1, 0.5, 0.9)
CASES = [  # provider, machine, region as the raw grid table has it, region of charges
    *[("aws", m, r, r) for m in ("m5.2xlarge", "m5.24xlarge", "c5.xlarge", "r5.large", "m4.xlarge", "c6g.2xlarge", "t3.medium", "p4d.24xlarge", "i3.4xlarge", "x1.16xlarge")
      for r in ("us-east-1", "eu-north-1")],
    *[("azure", m, r, s) for m in ("D2 v2", "D4s v4", "E8s v4", "F4", "D16 v3", "D2as v4") for r, s in (("West Europe", "westeurope"), ("East US", "eastus"))],
    *[("gcp", m, r, r) for m in ("n2-standard-8", "e2-standard-4", "n1-standard-4", "n2d-standard-4", "t2d-standard-8", "c2-standard-16") for r in ("europe-west1", "us-central1")],
]  # fmt: skip
BOAVIZTA = [("aws", "m5.2xlarge"), ("aws", "m5.24xlarge"), ("aws", "m6i.4xlarge"), ("aws", "c5.xlarge"), ("aws", "r5.large"), ("aws", "m4.xlarge"), ("aws", "c6g.2xlarge")]  # fmt: skip
ASK = """
import json, sys, warnings
warnings.filterwarnings("ignore")
from fastapi.testclient import TestClient
from boaviztapi.main import app
client, found = TestClient(app), []
for provider, machine in json.loads(sys.argv[1]):
    for load in (10, 50, 90):
        usage = {"usage_location": "USA", "time_workload": load}
        asked = {"provider": provider, "instance_type": machine, "usage": usage}
        answer = client.post("/v1/cloud/instance", params={"verbose": "true", "duration": 52560, "criteria": "gwp"}, json=asked).json()
        found.append({"provider": provider, "machine": machine, "load": load, "answer": answer})
print("\\n" + json.dumps(found))
"""


def rows(name: str) -> list[dict[str, str]]:
    with (RAW / name).open(encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def plain(provider: str, machine: str, region: str, load: float) -> dict[str, float]:
    """Watts of the machine, kilograms by hour for power (PUE left out) and making: from the raw tables, in floats."""
    number = lambda text: float(text.replace(",", "."))  # noqa: E731
    if provider == "aws":
        table = [r for r in rows("ccf_aws-instances.csv") if r["Instance type"] == machine]
        kinds = [AWS_CHIPS[table[0]["Platform CPU Name"]]]
        vcpu, memory = number(table[0]["Instance vCPU"]), number(table[0]["Platform Memory (in GB)"])
        whole = number(table[0]["Platform Total Number of vCPU"])
        making = next(r for r in rows("ccf_coefficients-aws-embodied.csv") if r["type"] == machine)
        gpus, gpu = table[0]["Instance Number of GPU"], table[0]["Platform GPU Name"]
    else:
        name = {"azure": "Virtual Machine", "gcp": "Machine type"}[provider]
        table = [r for r in rows(f"ccf_{provider}-instances.csv") if r[name].strip() == machine]
        kinds = list(dict.fromkeys(r["Microarchitecture"] for r in table))
        vcpu, memory = number(table[0]["Instance vCPUs"]), number(table[0]["Platform Memory"])
        whole = number(table[0]["Platform vCPUs (highest vCPU possible)"])
        every = [r for r in rows(f"ccf_coefficients-{provider}-embodied.csv") if r["type"] == machine]
        # one row by processor that it may run on: the mean making, the usual number of chips
        cpus = [r["additional_cpus"] for r in every]
        mean_making = sum(float(r["total"]) for r in every) / len(every)
        making = {"total": str(mean_making), "additional_cpus": max(cpus, key=cpus.count)}
        gpus, gpu = "0", ""
    use = {r["Architecture"]: r for r in rows(f"ccf_coefficients-{provider}-use.csv")}

    def mean(column: str) -> float:
        values = sorted(float(use[k][column]) for k in kinds)
        middle = len(values) // 2
        if {"Ivy Bridge", "Sandy Bridge"} & set(kinds):  # outliers: the median
            return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
        return sum(values) / len(values)

    watts = (mean("Min Watts") + load * (mean("Max Watts") - mean("Min Watts"))) * vcpu
    if gpus not in ("", "N/A", "0"):
        low, high = GPU[gpu]
        watts += (low + load * (high - low)) * float(gpus)
    chips = 1 + float(making["additional_cpus"]) / 100
    burstable = machine.startswith(("t2", "t3", "t4g"))
    held = sum(float(use[k]["GB/Chip"]) for k in kinds) / len(
        kinds
    )  # of memory it takes the mean, outliers or not
    extra = 0.0 if burstable else max(0.0, memory / chips - held) * chips * vcpu / whole
    watts += extra * 0.392
    where = rows(f"ccf_grid-emissions-factors-{provider}.csv")
    grid = next(float(r["CO2e (metric ton/kWh)"]) for r in where if r["Region"] == region) * 1000
    return {
        "watts": watts,
        "power": watts / 1000 * grid,
        "making": float(making["total"]) / 35040 * vcpu / whole,
    }


AWS_CHIPS = {
    "Xeon Platinum 8175M": "Sky Lake", "Xeon Platinum 8124M": "Sky Lake", "Xeon E5-2686 v4": "Broadwell", "Graviton2": "Graviton2",
    "Xeon Platinum 8259CL": "Cascade Lake", "Xeon Platinum 8275CL": "Cascade Lake", "Xeon E7-8880 v3": "Haswell",
}  # fmt: skip
GPU = {"Tesla A100": (46, 407)}
NAMES = {"aws": "AWS", "azure": "Microsoft", "gcp": "Google"}
WORDS = {"aws": "{} {}", "azure": "Standard_{} {}", "gcp": "{} {}"}


def kit(factors: Any, cases: list[tuple], load: float) -> list[dict[str, Any]]:
    """The same by the kit, as charges of one hour, with the table's own grid factors and a PUE of 1."""
    import pandas as pd

    from helpers.models import emissions

    made = []
    for provider, machine, _, region in cases:
        row: dict[str, Any] = dict.fromkeys(emissions.KEYS)
        row |= {
            "period": "2019-06",
            "provider": NAMES[provider],
            "category": "Compute",
            "region": region,
            "unit": "Hours",
            "currency": "USD",
        }
        row |= {
            "description": WORDS[provider].format(machine.replace(" ", "_"), region),
            "resource": f"{machine}/{region}",
        }
        made.append(row | {"quantity": Decimal(1), "cost": Decimal(1), "charges": 1})
    use = {("2019-06", r["resource"]): emissions.Use(Decimal(str(load)), Decimal(720)) for r in made}
    return emissions.estimate(pd.DataFrame(made), factors, use).to_dict("records")


def ccf() -> dict[str, Any]:
    """Each case at three loads: the kit's figure over the plain one, less one."""
    from helpers.data import carbon
    from helpers.models.carbon_factors import Factors

    tables = carbon.tables()
    # the raw grid tables alone, and no data centre: what is compared is the method
    tables["factors"] = [
        f
        for f in tables["factors"]
        if f["kind"] not in ("grid", "cfe", "pue") or (f["kind"] == "grid" and f["year"] == "2019")
    ]
    tables["factors"] += [
        {
            "kind": "pue",
            "provider": "",
            "region": "",
            "year": "2019",
            "value": "1",
            "low": "",
            "high": "",
            "unit": "1",
            "basis": "",
            "source": "none",
            "read": "",
        }
    ]
    factors, off, found = Factors(tables), [], []
    started = time.perf_counter()
    for load in LOADS:
        for case, line in zip(CASES, kit(factors, CASES, load), strict=True):
            want = plain(*case[:3], load)
            got = {
                "watts": float(line["kwh"]) * 1000,
                "power": float(line["operational"]),
                "making": float(line["embodied"]),
            }
            worst = max(abs(got[k] / want[k] - 1) for k in want)
            off.append(worst)
            found.append(
                {
                    "provider": case[0],
                    "machine": case[1],
                    "region": case[3],
                    "load": load,
                    "kgCO2e_hour": round(want["power"] + want["making"], 9),
                    "off": float(f"{worst:.1e}"),
                }
            )
    seconds = time.perf_counter() - started
    return {
        "cases": len(CASES),
        "with_loads": len(off),
        "largest_difference": float(f"{max(off):.1e}"),
        "seconds": round(seconds, 2),
        "each": [f for f in found if f["load"] == 0.5],
    }


def boavizta(python: str) -> dict[str, Any]:
    """Our formulas on the package's inputs, and our figures on ours, against what it returns."""
    from helpers.data import carbon
    from helpers.models import emissions, lifecycle
    from helpers.models.carbon_factors import Factors
    from helpers.models.machines import Machines

    done = subprocess.run(
        [python, "-c", ASK, json.dumps(BOAVIZTA)], capture_output=True, text=True, check=True
    )
    answers = json.loads(done.stdout.strip().splitlines()[-1])
    machines, out = Machines(Factors(carbon.tables())), []
    D = lambda v: Decimal(str(v))  # noqa: E731
    for a in answers:
        v, gwp = a["answer"]["verbose"], a["answer"]["impacts"]["gwp"]
        cpu, ram = v["CPU-1"], v["RAM-1"]
        vcpu, memory = D(v["vcpu"]["value"]), D(v["memory"]["value"])
        units, cores = D(cpu["units"]["value"]), D(cpu["core_units"]["value"])
        threads = D(cpu["threads"]["value"]) if "threads" in cpu else cores * 2
        sticks, size = D(ram["units"]["value"]), D(ram["capacity"]["value"])
        server = lifecycle.Server(units * threads, sticks * size, int(units), cores, die=D(cpu["die_size"]["value"]) / 100,
                                  tdp=D(cpu["tdp"]["value"]), modules=sticks, module=size)  # fmt: skip
        same_power = float(lifecycle.power(server, vcpu, memory, D(a["load"])))
        same_making = float(lifecycle.making(server, vcpu, memory) * lifecycle.LIFE)
        # the package rounds its middle value to one or two digits, its lowest and highest to four
        ends = [
            float(lifecycle.making(server, vcpu, memory, n) * lifecycle.LIFE) / gwp["embedded"][k] - 1
            for n, k in ((0, "min"), (2, "max"))
        ]
        known = machines.find("AWS", a["machine"])
        assert known is not None
        mine = emissions._server(known)
        own_power = float(lifecycle.power(mine, known.vcpu, known.memory, D(a["load"])))
        own_making = float(lifecycle.making(mine, known.vcpu, known.memory) * lifecycle.LIFE)
        load = D(a["load"]) / 100
        first = float((known.idle[1] + load * (known.full[1] - known.idle[1])) * known.vcpu)
        theirs = {"power": v["avg_power"]["value"], "making": gwp["embedded"]["value"]}
        out.append({
            "machine": a["machine"], "load": a["load"],
            "package": {"watts": round(theirs["power"], 2), "kg_of_life": theirs["making"]},
            "our_formulas_its_inputs": {"watts": round(same_power, 2), "kg_of_life": round(same_making, 1)},
            "our_inputs": {"watts": round(own_power, 2), "kg_of_life": round(own_making, 1)},
            "ccf": {"watts": round(first, 2), "kg_of_life": round(float(known.embodied[1]), 1)},
            "off": {"watts": round(same_power / theirs["power"] - 1, 4), "kg_lowest": round(ends[0], 4), "kg_highest": round(ends[1], 4),
                    "kg_as_rounded": round(same_making / theirs["making"] - 1, 4)},
        })  # fmt: skip
    return {
        "package": "boaviztapi 2.5",
        "largest_difference_watts": max(abs(o["off"]["watts"]) for o in out),
        "largest_difference_making": max(abs(o["off"][k]) for o in out for k in ("kg_lowest", "kg_highest")),
        "each": out,
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--boavizta", metavar="PYTHON")
    words.add_argument("--json", type=Path, default=RESULTS)
    asked = words.parse_args()
    if not RAW.is_dir():
        sys.exit("../shared/data/emissions is absent: real data of others is not part of the project")
    held = json.loads(asked.json.read_text("utf-8")) if asked.json.is_file() else {}
    held["cloud_carbon_footprint"] = ccf()
    if asked.boavizta:
        held["boavizta"] = boavizta(asked.boavizta)
    asked.json.write_text(json.dumps(held, indent=1) + "\n", "utf-8")
    one = held["cloud_carbon_footprint"]
    print(
        f"{one['with_loads']} figures of {one['cases']} cases; largest difference {one['largest_difference']:.1e}; {one['seconds']} s"
    )
    if "boavizta" in held:
        two = held["boavizta"]
        print(
            f"boaviztapi: watts within {two['largest_difference_watts']:.2%}, making within {two['largest_difference_making']:.2%}"
        )


if __name__ == "__main__":
    main()
