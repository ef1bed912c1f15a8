"""docs/faults.md has every fault, and names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \|(.+)$", PAGE, re.MULTILINE)


def test_each_has_its_row() -> None:
    """In order."""
    assert [number for number, _ in ROWS] == [str(number) for number in range(1, 26)]


def test_every_test_that_is_named_is_there() -> None:
    """Each by its file and its name."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)
    assert len(named) > 30
    assert [
        f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ] == []


def test_the_tests_know_their_number() -> None:
    """Those of the network say in their first line which fault they are."""
    for number, row in ROWS:
        for file, name in re.findall(r"`(tests/faults/test_net_\w+\.py)::(\w+)`", row):
            source = (ROOT / file).read_text(encoding="utf-8")
            assert re.search(rf'def {name}\([^"]*"""{number}: ', source), name
