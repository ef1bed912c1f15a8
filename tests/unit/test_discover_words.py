"""What a device said, on a person's terminal."""

import pytest

from gateway.cli.show import Show, said


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        ({"kind": "scan", "text": "01069\x1d21A\x1b[2J", "aim": "]d2"}, "01069\\x1d21A\\x1b[2J  ]d2"),
        ({"kind": "scan", "text": "门禁 7\n8", "aim": None}, "门禁 7\\n8"),
        ({"kind": "scan", "text": "1", "aim": "]d2", "doubt": "scan_gs_lost"}, "1  ]d2  (a separator (GS) is missing)"),
        ({"kind": "tag", "epc": "3036", "count": 4, "rssi_peak": -54}, "3036  ×4  -54 dBm"),
        ({"kind": "tag", "epc": "3036", "count": 1, "rssi_peak": None}, "3036  ×1"),
        (
            {"kind": "tag", "epc": "3036", "count": 2, "rssi_peak": -54, "antenna": 2, "channel": 0, "tid": "E280"},
            "3036  ×2  antenna 2  -54 dBm  channel 0  TID E280",
        ),
        (
            {"kind": "card", "uid": "0A00B14D3F", "technology": "em4100", "present": True},
            "card 0A00B14D3F (0011619647, 177,19775)",
        ),
        ({"kind": "card", "uid": "04A2", "technology": "iso14443a", "present": False}, "card 04A2 gone"),
        ({"kind": "card", "uid": "7\x1b[2J", "technology": "unknown", "present": True}, "card 7\\x1b[2J"),
    ],
)
def test_observations_in_words(observation: dict[str, object], words: str) -> None:
    """Nothing that was scanned steers the terminal."""
    assert said(Show("en", as_json=False), observation) == words


def test_what_a_device_says_of_itself_steers_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Its name may stand in any line."""
    show = Show("en", as_json=False)
    show.line("reader \x1b]0;owned\x07\nnext")
    show.note("\x9b2J")
    show.table(("page.column.device",), [["\x1b[2J"]])
    told = capsys.readouterr()
    assert told.out.startswith("reader \\x1b]0;owned\\x07\nnext\n")
    assert told.out.endswith("\\x1b[2J\n")
    assert told.err == "\\x9b2J\n"


DOUBTS = (
    "scan_glued",
    "scan_gs_lost",
    "scan_gs_substituted",
    "scan_key_unknown",
    "scan_not_ascii",
    "scan_keys_lost",
    "scan_headless",
    "scan_no_end",
    "scan_other_end",
)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("doubt", DOUBTS)
def test_a_doubt_has_words(doubt: str, lang: str) -> None:
    """A record has its code and no numbers."""
    assert "…" not in said(Show(lang, as_json=False), {"kind": "scan", "text": "1", "aim": None, "doubt": doubt})


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
