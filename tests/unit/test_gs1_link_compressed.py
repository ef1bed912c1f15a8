"""The compressed form of older Digital Links."""

import pytest

from traceability.gs1.link import parse


@pytest.mark.parametrize(
    ("last", "host", "ai", "value"),
    [
        ("AQnYUc1gmp", "https://id.gs1.org", "01", "05412345000013"),
        ("DQnYUc1gmgCEJM", "https://id.gs1.org:443", "01", "05412345000013"),  # 0D: 01 and 17
        ("AQnYUc1gmg", "https://h.example/x", "01", "05412345000013"),
        ("AQnYUc1gmiKEJM", "https://h.example", "01", "05412345000013"),  # and AI 11
    ],
)
def test_a_compressed_link_is_recognised(last: str, host: str, ai: str, value: str) -> None:
    """It is not decoded, and says so."""
    link = parse(f"{host}/{last}")
    assert link
    assert link.elements == ()
    assert [(one.code, one.params) for one in link.findings] == [("link_compressed", {"ai": ai, "value": value})]


@pytest.mark.parametrize(
    "last",
    [
        "AQnYUc1gmp",
        "DQnYUc1gmgCEJM",
        "AQnYUc2gmg",
        "AQnYUc1gm",
        "AQnYUc1gmgoAAA",
        "abcdefghijkl",
        "catalogue-2027",
        "AQnYUc1gmp.html",
    ],
)
def test_what_only_looks_compressed(last: str) -> None:
    """On another host than GS1's: bits left over, a byte that may mean much, a wrong check digit, too short, no AI behind, words."""
    assert parse(f"https://h/{last}") is None
