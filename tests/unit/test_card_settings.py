"""The settings of card readers, checked before any port is opened."""

from pathlib import Path

import pytest

from gateway.settings.load import load
from gateway.settings.problem import SettingsInvalid

SITE = """
schema = 1
[gateway]
id = "gw-1"

[[device]]
id = "badge"
driver = "card_lines"
port = "/dev/ttyUSB0"
"""


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        (r"pattern = 'No\.(?P<uid>[0-9]+'", ["card_pattern_wrong"]),
        (r"pattern = 'No\.([0-9]+)'", ["card_pattern_uid"]),
        ("", ["setting_missing"]),
        ("pattern = '(?P<uid>.+)'\nmax_bytes = 1000", ["setting_at_most"]),
    ],
)
def test_a_pattern_that_cannot_be_used(tmp_path: Path, line: str, codes: list[str]) -> None:
    """Is told with its words before anything starts."""
    site = tmp_path / "site.toml"
    site.write_text(SITE + line, encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        load(site)
    assert [problem.error.code for problem in caught.value.problems] == codes


def test_a_pattern_that_can(tmp_path: Path) -> None:
    """With the defaults of such a reader: it says a card once."""
    site = tmp_path / "site.toml"
    site.write_text(SITE + r"pattern = 'No\.(?P<uid>[0-9]{10})'", encoding="utf-8")
    config = load(site).devices[0].config
    assert (config.repeats, config.technology, config.baudrate) == (False, "unknown", 9600)  # type: ignore[attr-defined]
