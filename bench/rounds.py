"""Rounds of limit → product → limit, and the figure they give."""

import statistics
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

SPREAD = 0.15


class NoisyError(RuntimeError):
    """The machine was too noisy for a figure."""


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. `product` and `limit` are medians in `unit`; ratios are product to limit of the same round."""

    name: str
    product: float
    limit: float
    ratio: float
    ratio_min: float
    ratio_max: float
    unit: str
    rounds: int
    size: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.name}: product {self.product:,.0f} {self.unit}, limit {self.limit:,.0f} {self.unit}, "
            f"ratio {self.ratio:.2f} ({self.ratio_min:.2f}–{self.ratio_max:.2f}), {self.rounds} rounds, {self.size}"
        )


def measure(
    name: str, *, limit: Callable[[], float], product: Callable[[], float], rounds: int, unit: str, size: str
) -> Result:
    """Run rounds until `rounds` of them are quiet: both limit readings within 15 %.

    Both callables reset their tables, do the work once, verify it and return a rate in `unit`.

    Raises:
        NoisyError: too few of three times as many rounds were quiet.
    """
    kept: list[tuple[float, float]] = []
    for _ in range(3 * rounds):
        before = limit()
        rate = product()
        after = limit()
        if abs(before - after) > SPREAD * max(before, after):
            print(f"{name}: noisy round thrown away ({before:,.0f} and {after:,.0f} {unit})", file=sys.stderr)
            continue
        kept.append((rate, (before + after) / 2))
        if len(kept) == rounds:
            break
    if len(kept) < rounds:
        raise NoisyError(f"{name}: only {len(kept)} of {rounds} rounds were quiet")
    ratios = [rate / bound for rate, bound in kept]
    return Result(
        name=name, product=statistics.median(rate for rate, _ in kept), limit=statistics.median(b for _, b in kept),
        ratio=statistics.median(ratios), ratio_min=min(ratios), ratio_max=max(ratios), unit=unit, rounds=rounds, size=size,
    )  # fmt: skip
