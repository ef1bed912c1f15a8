"""docs/performance.md, from what the benchmarks reported."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.report import Line, Report, Target

HEAD = """# Performance

Made by `make bench`; do not edit. One benchmark alone: `make bench ARGS="append"`.

Absolute rates swing on any machine, and by a factor on one that is shared: only the ratios of one run mean anything. Each
ratio is between things that were measured side by side, turn by turn. Values are medians, with least and most in brackets.
A *poll record* is one poll of one device with 20 points.

"""


class Result(msgspec.Struct):
    """A report, with where and when it was made."""

    facts: dict[str, str]
    report: Report


def write(path: Path, results: Sequence[Result]) -> None:
    path.write_text(document(results), encoding="utf-8")


def document(results: Sequence[Result]) -> str:
    parts = [HEAD, "| what | measured | target | |\n|---|---|---|---|\n"]
    parts += [_summary(target) for result in results for target in result.report.targets]
    for result in results:
        parts += _section(result)
    return "".join(parts)


def _summary(target: Target) -> str:
    return f"| {target.line.what} | {_values(target.line)} | {_bound(target)} | {'met' if target.met else '**missed**'} |\n"


def _bound(target: Target) -> str:
    return f"{target.sense} {_number(target.bound)}" + (", each" if target.every else "")


def _section(result: Result) -> list[str]:
    report = result.report
    told = result.facts | report.versions
    parts = [f'\n## {report.title}\n\n`make bench ARGS="{report.name}"`\n\n']
    parts.append(f"{report.method}\n")
    parts.append("\n| what | n | median | least | most | unit |\n|---|---|---|---|---|---|\n")
    parts += [_row(line) for line in (*(target.line for target in report.targets), *report.lines)]
    for name, profile in report.profiles.items():
        parts.append(f"\nWhere the time of the {name} goes:\n\n```\n{profile}\n```\n")
    parts.append("\n" + "; ".join(f"{key}: {value}" for key, value in told.items()) + ".\n")
    return parts


def _row(line: Line) -> str:
    numbers = (line.median, min(line.samples), max(line.samples))
    return f"| {line.what} | {len(line.samples)} | {' | '.join(map(_number, numbers))} | {line.unit} |\n"


def _values(line: Line) -> str:
    unit = "" if line.unit == "ratio" else f" {line.unit}"
    return f"{_number(line.median)}{unit} ({_number(min(line.samples))} to {_number(max(line.samples))})"


def _number(value: float) -> str:
    """Three digits that say something."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"
