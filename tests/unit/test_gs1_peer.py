"""Element strings beside another reader of them, biip; and where it is wrong, as measured in July 2026 (biip 5.2.0), ours is right."""

import biip
import pytest
from biip.gs1_messages import GS1Message
from hypothesis import given

from support.gs1 import element_lists
from traceability.finding import Verdict, verdict
from traceability.gs1.elements import GS, write
from traceability.gs1.scandata import scan
from traceability.identity import Elements


@given(element_lists())
def test_both_take_a_string_apart_alike(elements: Elements) -> None:
    """Where biip takes it at all: it refuses some values, and lets wrong check digits through."""
    text = write(elements)
    try:
        theirs = GS1Message.parse(text)
    except biip.ParseError:
        return
    (ours,) = scan(text, "]C1")
    assert ours.elements == tuple((one.ai.ai, one.value) for one in theirs.element_strings)


def refused(text: str, aim: str | None = "]C1") -> bool:
    """Whether no reading of it is right."""
    return all(verdict(one.findings) is Verdict.INVALID for one in scan(text, aim))


@pytest.mark.parametrize(
    "text",
    [
        "00069012345000000012",  # the check digit of an SSCC
        "010690123456789010A",  # and of a GTIN
        "10ABC",  # a lot of nothing
        f"010690123456789210A{GS}10B",  # two lots at once
        "0106901234567892" + "7007" + "2301011012",  # a range of dates that is cut off, which biip goes on in as (10)12
        "8003" + "06901234567890" + "X",  # the check digit of a GRAI
    ],
)
def test_biip_lets_through_what_is_wrong(text: str) -> None:
    """A message with its wrong value in it is a message to those who do not look further."""
    assert GS1Message.parse(text).element_strings
    assert refused(text)


def test_biip_takes_nothing_for_a_message() -> None:
    """A symbol of GS1 with no element."""
    assert biip.parse("]C1").gs1_message is not None
    assert refused("")


@pytest.mark.parametrize(
    ("text", "aim"),
    [("0106901234567892", "]J1"), (f"6901234567892|]e010A{GS}99Z", "]E0"), ("02345673|]e099Z", "]E4")],
)
def test_biip_refuses_what_is_right(text: str, aim: str) -> None:
    """DotCode, and composite symbols."""
    try:
        theirs = biip.parse(aim + text)
    except biip.ParseError:
        pass
    else:
        assert theirs.gtin_error and not theirs.gs1_message
    (found,) = scan(text, aim)
    assert verdict(found.findings) is Verdict.VALID


def test_biip_reads_a_number_for_use_in_a_shop_as_a_serial_number() -> None:
    """Without a symbol, 13 digits with their check digit are a GTIN."""
    message = biip.parse("2100000123452").gs1_message
    assert message and message.element_strings[0].ai.ai == "21"
    (found,) = scan("2100000123452", None)
    assert found.elements == (("01", "02100000123452"),)
    assert verdict(found.findings) is Verdict.VALID
