"""What a device said, on a person's terminal."""

import pytest

from gateway.cli.show import Show, said


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        ({"kind": "scan", "text": "01069\x1d21A\x1b[2J", "aim": "]d2"}, "01069\\x1d21A\\x1b[2J  ]d2"),
        ({"kind": "scan", "text": "门禁 7", "aim": None}, "门禁 7"),
        ({"kind": "tag", "epc": "3036", "count": 4, "rssi_peak": -54}, "3036  ×4  -54 dBm"),
        ({"kind": "tag", "epc": "3036", "count": 1, "rssi_peak": None}, "3036  ×1"),
    ],
)
def test_observations_in_words(observation: dict[str, object], words: str) -> None:
    """Nothing that was scanned steers the terminal."""
    assert said(Show("en", as_json=False), observation) == words


def test_a_value_that_is_none_says_why() -> None:
    """Each quality has its word."""
    points = {
        "temperature": {"value": 4.2, "unit": "Cel", "quality": "good"},
        "humidity": {"value": None, "unit": "%", "quality": "sensor_fault"},
    }
    assert (
        said(Show("en", as_json=False), {"kind": "poll", "points": points})
        == "temperature 4.2 °C, humidity sensor fault"
    )
