"""What must and must not stand together on one item."""

import pytest
from hypothesis import given

from support.gs1 import element_lists
from traceability.gs1.associations import associations
from traceability.gs1.table import find
from traceability.identity import Elements

GTIN = ("01", "06901234567892")
SSCC = ("00", "069012345000000011")
CONTENT = ("02", "06901234567892")


@pytest.mark.parametrize(
    "elements",
    [
        (),
        (GTIN,),
        (SSCC,),
        (GTIN, ("10", "L"), ("21", "S")),
        (("21", "S"), GTIN),  # in any order
        (GTIN, ("10", "L"), ("10", "L")),  # twice, and the same
        (SSCC, CONTENT, ("37", "12"), ("10", "L")),
        (GTIN, ("3103", "000123"), ("3922", "1995")),  # a price of what is weighed: 31nn
        (GTIN, ("30", "5"), ("3922", "1995")),
        (GTIN, ("21", "S"), ("250", "T")),
        (GTIN, ("3103", "000123"), ("3112", "000001")),  # weight and length
        (("8003", "069012345678921"), ("8030", "aGk=")),
        (("99", "anything"), ("90", "more")),
        (("0599", "no AI"), ("99", "A")),
    ],
)
def test_what_may_stand_together(elements: Elements) -> None:
    """Nothing is found."""
    assert associations(elements) == ()


@pytest.mark.parametrize(
    ("elements", "code", "params"),
    [
        ((("10", "ABC"),), "ai_required", {"ai": "10", "needs": "01, 02, 03, 8006, 8026"}),
        ((SSCC, ("10", "L")), "ai_required", {"ai": "10", "needs": "01, 02, 03, 8006, 8026"}),
        ((GTIN, ("37", "12")), "ai_required", {"ai": "37", "needs": "00+02, 00+8026"}),
        ((GTIN, ("250", "T")), "ai_required", {"ai": "250", "needs": "01+21, 03+21, 8006+21"}),
        ((GTIN, ("3922", "1995")), "ai_required", {"ai": "3922"}),
        ((("254", "X"),), "ai_required", {"ai": "254", "needs": "414"}),
        ((GTIN, CONTENT), "ai_excluded", {"ai": "02", "other": "01"}),
        ((GTIN, ("235", "T"), ("21", "S")), "ai_excluded", {"ai": "21", "other": "235"}),
        ((GTIN, ("3103", "000123"), ("3102", "001230")), "ai_excluded", {"ai": "3103", "other": "3102"}),
        ((GTIN, ("10", "A"), ("10", "B")), "ai_repeated", {"ai": "10"}),
        ((GTIN, ("01", "16901234567899")), "ai_repeated", {"ai": "01"}),
        ((("253", "6901234567892"), ("8030", "aGk=")), "serial_missing", {"ai": "253"}),
        ((("8003", "06901234567892"), ("8030", "aGk=")), "serial_missing", {"ai": "8003"}),
    ],
)
def test_what_may_not(elements: Elements, code: str, params: dict[str, str]) -> None:
    """Each kind has its own code, and says which."""
    told = [(finding.code, finding.params) for finding in associations(elements)]
    assert any(code == found and params.items() <= all_params.items() for found, all_params in told), told


def test_a_pair_is_told_once() -> None:
    """Though each excludes the other."""
    found = associations((GTIN, ("3103", "000123"), ("3102", "001230")))
    assert [finding.code for finding in found] == ["ai_excluded"]


@given(element_lists())
def test_the_order_of_elements_does_not_matter(elements: Elements) -> None:
    """As scanners send them, and as several carriers hold them."""
    there = {finding.code for finding in associations(elements)}
    back = {finding.code for finding in associations(elements[::-1])}
    assert there == back


@given(element_lists())
def test_what_is_required_is_required(elements: Elements) -> None:
    """An AI alone is right exactly if the table asks for nothing beside it."""
    ai = find(elements[0][0])
    assert ai
    assert bool(associations(elements[:1])) == bool(ai.required)
