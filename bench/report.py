"""What a benchmark found: samples with their medians, ratios held against targets, and where the time went."""

import math
from statistics import median
from typing import Literal

import msgspec

Sense = Literal["at least", "at most"]


class Line(msgspec.Struct):
    """One measured thing; a sample per repetition."""

    what: str
    unit: str
    samples: list[float]

    @property
    def median(self) -> float:
        return median(self.samples)


class Target(msgspec.Struct):
    """A bound for the median, or for the worst sample where none may be outside."""

    line: Line
    sense: Sense
    bound: float
    every: bool = False
    """All samples must keep it, not their median alone."""

    @property
    def reached(self) -> float:
        if not self.every:
            return self.line.median
        return min(self.line.samples) if self.sense == "at least" else max(self.line.samples)

    @property
    def met(self) -> bool:
        return self.reached >= self.bound if self.sense == "at least" else self.reached <= self.bound


class Report(msgspec.Struct):
    """One benchmark's outcome. `profiles` say per process where the time goes; `versions` what else took part."""

    name: str
    title: str
    method: str
    targets: list[Target]
    lines: list[Line]
    profiles: dict[str, str] = {}
    versions: dict[str, str] = {}

    @property
    def met(self) -> bool:
        return all(target.met for target in self.targets)


def ratios(what: str, over: list[float], under: list[float]) -> Line:
    """Sample by sample: what was measured side by side is divided by each other."""
    return Line(what, "ratio", [a / b for a, b in zip(over, under, strict=True)])


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that at least so many percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
