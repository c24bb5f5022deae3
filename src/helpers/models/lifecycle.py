"""Boavizta's life-cycle method for a cloud machine, from its published formulas and figures.

Making: the server behind the machine is added up from its parts (processors by die, memory and flash by die and density,
board, supplies, case, assembly), and the machine takes its share of them over the server's life. Use: processor power by a
curve a·ln(b·(load + c)) + d, memory power by module, and a ratio for everything else.

References
----------
Boavizta, API documentation, explanations (repository Boavizta/boaviztapi, docs/docs/Explanations: components/cpu.md,
ram.md, ssd.md, hdd.md, motherboard.md, power_supply.md, case.md, assembly.md, services/cloud.md), read 2026-11-26: formulas
and figures below. Neither code nor data of the package (AGPL) is used. Figures that the pages leave open (density of
memory and flash, memory power by module, life of six years, no base area of a die) are those which version 2.5 states in its
answers; benchmarks/emissions.py holds both against the package itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache

from helpers.terms.errors import BadInput
from helpers.terms.money import CONTEXT

D = Decimal
LIFE = D(52560)  # six years [h]
DIE, CPU_BASE = D("1.97"), D("9.14")  # kgCO2e/cm2, kgCO2e
MEMORY_DIE, MEMORY_BASE = D("2.20"), D("5.22")
FLASH_DIE, FLASH_BASE = D("2.20"), D("6.34")
HDD = D("31.11")
BOARD, ASSEMBLY = D("66.10"), D("6.68")
ENCLOSURE = (D("30.90") + D(880) / 16, D(150), D(150))  # a blade in an enclosure of sixteen, or a rack
SUPPLY = D("24.30")  # kgCO2e/kg
SUPPLIES, SUPPLY_WEIGHT = 2, (D(1), D("2.99"), D(5))  # kg: low, middle, high
MEMORY_DENSITY = (
    D("2.375"),
    D("1.2443636363636363"),
    D("0.625"),
)  # GB/cm2, the densest first: it emits least
FLASH_DENSITY = (D(128), D("54.8842105263158"), D("16.4"))
FLASH_DISK, HDD_DISK = D(1000), D(10000)  # GB of one disk
DIE_BY_CORE = (
    D("0.07"),
    D("0.245"),
    D("0.30"),
)  # cm2: Graviton2 with 64 cores, the page's example, and above it
OTHERS = (D("0.2"), D("0.33"), D("0.6"))  # power of all other parts, by that of processor and memory
# Power of a processor by watt of its thermal design power: the curve through the four published points (0 % 0.12, 10 % 0.32,
# 50 % 0.75, 100 % 1.02), by least squares; a·ln(load + c) + k is the published form with a·ln(b) + d = k.
CURVE = (D("0.50847934"), D("20.45110315"), D("-1.41535596"))
MODULE, MODULE_BASE, MODULE_BY_GB, MODULE_IDLE = D(32), D("3.0"), D("0.055"), D("0.7")
TDP_UNKNOWN = (D(150), D(240), D(300))  # W: from one old to one current server processor of the table


@dataclass(frozen=True)
class Server:
    """What a machine runs on.

    Attributes
    ----------
    vcpu, memory : Decimal
        Virtual cores [1]; memory [GB].
    cpus : int
        Processors.
    cores : Decimal
        Cores of one processor.
    die : Decimal or None
        Area of one die [cm2]; None for the range by core.
    tdp : Decimal or None
        Thermal design power of one processor [W]; None for the range.
    modules : Decimal or None
        Memory modules; None for modules of 32 GB.
    module : Decimal
        Size of one [GB].
    flash : tuple of (Decimal, Decimal)
        Flash disks and the size of one [GB].
    """

    vcpu: Decimal
    memory: Decimal
    cpus: int
    cores: Decimal
    die: Decimal | None = None
    tdp: Decimal | None = None
    modules: Decimal | None = None
    module: Decimal = MODULE
    flash: tuple[Decimal, Decimal] = field(default=(D(0), D(1)))

    @property
    def sticks(self) -> Decimal:
        """Memory modules [1]."""
        return self.modules if self.modules is not None else CONTEXT.divide(self.memory, self.module)


def cpu_making(server: Server, n: int = 1) -> Decimal:
    """Making of the server's processors [kgCO2e]; `n` 0, 1, 2 for low, middle, high.

    Examples
    --------
    >>> cpu_making(Server(D(96), D(384), 2, D(24), die=D("6.15")))
    Decimal('42.5110')
    """
    area = server.die if server.die is not None else CONTEXT.multiply(server.cores, DIE_BY_CORE[n])
    return server.cpus * (CONTEXT.multiply(area, DIE) + CPU_BASE)


def memory_making(server: Server, n: int = 1) -> Decimal:
    """Making of the server's memory [kgCO2e]."""
    one = CONTEXT.multiply(CONTEXT.divide(server.module, MEMORY_DENSITY[n]), MEMORY_DIE) + MEMORY_BASE
    return CONTEXT.multiply(server.sticks, one)


def flash_making(server: Server, n: int = 1) -> Decimal:
    """Making of the server's own flash disks [kgCO2e]."""
    disks, size = server.flash
    return CONTEXT.multiply(
        disks, CONTEXT.multiply(CONTEXT.divide(size, FLASH_DENSITY[n]), FLASH_DIE) + FLASH_BASE
    )


def rest_making(n: int = 1) -> Decimal:
    """Making of board, supplies, enclosure and assembly [kgCO2e]."""
    return BOARD + ASSEMBLY + ENCLOSURE[n] + SUPPLIES * SUPPLY_WEIGHT[n] * SUPPLY


def making(server: Server, vcpu: Decimal, memory: Decimal, n: int = 1) -> Decimal:
    """Making of a machine for one hour of its server's life [kgCO2e/h].

    Parameters
    ----------
    vcpu, memory : Decimal
        The machine's share: virtual cores [1], memory [GB]; flash is shared by memory's measure, the rest by cores.
    n : int
        0, 1, 2 for low, middle, high.
    """
    by_core = CONTEXT.divide(vcpu, server.vcpu)
    by_memory = CONTEXT.divide(memory, server.memory) if server.memory else D(0)
    whole = CONTEXT.multiply(cpu_making(server, n) + rest_making(n), by_core)
    whole += CONTEXT.multiply(memory_making(server, n) + flash_making(server, n), by_memory)
    return CONTEXT.divide(whole, LIFE)


@cache
def load_factor(load: Decimal) -> Decimal:
    """Power of a processor by watt of thermal design power [1] at a load [%].

    Raises
    ------
    BadInput
        For a load below 0 or above 100.

    Examples
    --------
    >>> round(load_factor(D(50)), 3)
    Decimal('0.748')
    """
    if not 0 <= load <= 100:
        raise BadInput(
            f"a load of {load} %", "0 to 100 %", "look for a share of 1 written as percent", column="load"
        )
    a, c, k = CURVE
    return CONTEXT.add(CONTEXT.multiply(a, CONTEXT.ln(load + c)), k)


def power(server: Server, vcpu: Decimal, memory: Decimal, load: Decimal, n: int = 1) -> Decimal:
    """Power of a machine at a load [W].

    Parameters
    ----------
    load : Decimal
        [%]
    n : int
        0, 1, 2 for low, middle, high: of the other parts' ratio, and of the design power where it is not known.

    Examples
    --------
    >>> m5 = Server(D(96), D(384), 2, D(24), tdp=D(240))
    >>> round(power(m5, D(8), D(32), D(50)), 1)
    Decimal('45.2')
    """
    tdp = server.tdp if server.tdp is not None else TDP_UNKNOWN[n]
    cpus = CONTEXT.multiply(server.cpus * tdp, load_factor(load))
    cpu = CONTEXT.divide(CONTEXT.multiply(cpus, vcpu), server.vcpu)
    busy = MODULE_IDLE + (1 - MODULE_IDLE) * load / 100
    # whatever modules the server has, their power is that of modules of 32 GB
    ram = CONTEXT.multiply(CONTEXT.divide(memory, MODULE), (MODULE_BASE + MODULE_BY_GB * MODULE) * busy)
    return CONTEXT.multiply(cpu + ram, 1 + OTHERS[n])


def disk_making(kind: str, n: int = 1) -> Decimal:
    """Making of storage for one gigabyte and hour [kgCO2e/GBh].

    Parameters
    ----------
    kind : str
        ``SSD`` or ``HDD``.
    """
    if kind == "SSD":
        whole, size = CONTEXT.multiply(FLASH_DISK / FLASH_DENSITY[n], FLASH_DIE) + FLASH_BASE, FLASH_DISK
    else:
        whole, size = HDD, HDD_DISK
    return CONTEXT.divide(CONTEXT.divide(whole, size), LIFE)
