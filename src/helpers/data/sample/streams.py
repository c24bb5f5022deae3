"""Random numbers that belong to a name: a new component draws from its own stream and changes no other.

Whole numbers only, from BLAKE2b: the same on every machine and Python, with no last digit of a float that might differ.
"""

from __future__ import annotations

from decimal import Decimal
from hashlib import blake2b

PARTS = 12  # sixteen-bit numbers added up: nearly a normal distribution, of deviation 65,535
MIDDLE = PARTS * 65_535 // 2


class Streams:
    """All random numbers of one company.

    Parameters
    ----------
    seed : int
        Of the company; 128 bits at most are kept apart from 0 to 2**128 - 1.

    Examples
    --------
    >>> Streams(7).below(100, "size", "web") == Streams(7).below(100, "size", "web")
    True
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(16, "big")

    def _digest(self, names: tuple[object, ...], size: int = 24) -> bytes:
        return blake2b("/".join(map(str, names)).encode(), key=self._key, digest_size=size).digest()

    def below(self, end: int, *names: object) -> int:
        """A whole number from 0 to `end` - 1."""
        return int.from_bytes(self._digest(names, 16), "big") % end

    def between(self, low: int, high: int, *names: object) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + self.below(high - low + 1, *names)

    def chosen(self, options: list, *names: object):
        """One of the options."""
        return options[self.below(len(options), *names)]

    def word(self, digits: int, *names: object) -> str:
        """Hexadecimal digits."""
        return self._digest(names, (digits + 1) // 2).hex()[:digits]

    def wobble(self, millionths: int, *names: object) -> int:
        """Nearly normal, mean 1,000,000, standard deviation `millionths`, in millionths."""
        raw = self._digest(names)
        total = sum(int.from_bytes(raw[i : i + 2], "big") for i in range(0, 2 * PARTS, 2))
        return 1_000_000 + millionths * (total - MIDDLE) // 65_535

    def share(self, low: str, high: str, *names: object) -> Decimal:
        """A decimal between two, at four places."""
        a, b = (int(Decimal(x) * 10_000) for x in (low, high))
        return Decimal(self.between(a, b, *names)).scaleb(-4)
