"""What a scanner puts around a code."""

import pytest

from traceability.payload import payload


@pytest.mark.parametrize(
    ("text", "aim", "left", "of", "told"),
    [
        ("6901234567892", None, "6901234567892", None, []),
        ("6901234567892\r\n", "]E0", "6901234567892", "]E0", ["suffix_trimmed"]),
        ("]E06901234567892\t", None, "6901234567892", "]E0", ["aim_in_text", "suffix_trimmed"]),
        ("]E06901234567892", "]E0", "6901234567892", "]E0", ["aim_in_text"]),
        ("]E06901234567892", "]Q1", "]E06901234567892", "]Q1", []),
        ("\ufeffABC", "]Q1", "ABC", "]Q1", ["bom_trimmed"]),
        ("ABC", "Q1", "ABC", None, ["aim_unknown"]),
        ("]", None, "]", None, []),
        ("a\nb", None, "a\nb", None, []),
        ("\r\n", None, "", None, ["suffix_trimmed"]),
        ("690 1234 567892", None, "6901234567892", None, ["typed_form"]),
        ("　６９０１２３４５６７８９２ ", None, "6901234567892", None, ["typed_form"]),
        (" 91330000ABC ", None, "91330000ABC", None, ["typed_form"]),
        ("690 1234 567892", "]Q1", "690 1234 567892", "]Q1", []),
        ("0106901234567892 10L1 21S1", None, "0106901234567892 10L1 21S1", None, []),
        ("扬麦 25", None, "扬麦 25", None, []),
    ],
)
def test_it_is_taken_off_and_told(text: str, aim: str | None, left: str, of: str | None, told: list[str]) -> None:
    """Only what stands outside; what an identifier says twice counts once, and what contradicts is content."""
    found = payload(text, aim)
    assert found
    assert (found.text, found.aim, [finding.code for finding in found.findings]) == (left, of, told)
