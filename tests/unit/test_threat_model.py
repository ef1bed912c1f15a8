"""docs/threat-model.md claims nothing without a test."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_test_that_is_named_is_there() -> None:
    """Each by its file and its name; and no row of a table is without one."""
    page = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 30
    absent = [
        f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert absent == []
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| does")]
    assert [row for row in rows if "tests/" not in row] == []
