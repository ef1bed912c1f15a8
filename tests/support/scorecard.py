"""The score cards of the drivers, and the table that docs/drivers.md makes of them: `python -m support.scorecard`."""

import ast
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

ROOT = Path(__file__).parents[2]
SUITE = ROOT / "tests" / "contract" / "test_drivers.py"
PAGE = ROOT / "docs" / "drivers.md"
BEGIN, END = "<!-- made from the score cards by `make drivers` -->\n", "<!-- end -->\n"


class BenchCard(msgspec.Struct, forbid_unknown_fields=True):
    """One way to speak with the driver's devices. All questions of the suite are asked but those in `not_asked`."""

    what: str
    evidence: Literal["vendor-doc", "capture", "repo", "proposed"]
    source: str
    not_asked: dict[str, str] = {}
    """Question -> why it makes no sense here."""


class Card(msgspec.Struct, forbid_unknown_fields=True):
    """`drivers/FAMILY/scorecard.toml`. `entry_points` are the driver's and its bus' names in the settings."""

    entry_points: list[str]
    untried: str
    """What no real device has shown yet."""
    bench: dict[str, BenchCard]


@cache
def cards() -> dict[str, Card]:
    """By family. ValidationError, with the file, where a card is not a card."""
    found = {}
    for path in sorted((ROOT / "drivers").glob("*/scorecard.toml")):
        try:
            found[path.parent.name] = msgspec.toml.decode(path.read_bytes(), type=Card)
        except msgspec.ValidationError as err:
            raise msgspec.ValidationError(f"{path}: {err}") from err
    return found


@cache
def questions() -> dict[str, str]:
    """What the suite asks: name and first line."""
    tree = ast.parse(SUITE.read_text(encoding="utf-8"))
    return {
        node.name.removeprefix("test_"): (ast.get_docstring(node) or "").partition("\n")[0]
        for node in tree.body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def table() -> str:
    """Questions, what each driver answers to, and why not the rest."""
    lines = ["| question | what must hold |", "|---|---|"]
    lines += [f"| `{name}` | {what} |" for name, what in questions().items()]
    lines += ["", "| driver | speaks with | evidence | asked |", "|---|---|---|---|"]
    for family, card in cards().items():
        for name, bench in card.bench.items():
            asked = len(questions()) - len(bench.not_asked)
            evidence = f"{bench.evidence}: {bench.source}"
            lines.append(f"| `{family}` {name} | {bench.what} | {evidence} | {asked} of {len(questions())} |")
    lines += ["", "Not asked, and why:", ""]
    for family, card in cards().items():
        for name, bench in card.bench.items():
            lines += [f"- `{family}` {name}, `{question}`: {why}" for question, why in bench.not_asked.items()]
    lines += ["", "Never tried on real hardware:", ""]
    lines += [f"- `{family}`: {card.untried}" for family, card in cards().items()]
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
