"""Scans, by their symbol and without one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gs1 import element_lists
from traceability.finding import Grade, Sureness, Verdict, verdict
from traceability.gs1.elements import GS, write
from traceability.gs1.scandata import Scan, scan
from traceability.identity import Elements

GTIN = ("01", "06901234567892")
DRUG = (GTIN, ("17", "150707"), ("10", "A213B1"), ("21", "1234"))
DRUG_TEXT = f"01069012345678921715070710A213B1{GS}211234"
SSCC = "00069012345000000011"
STRINGS = ("]C1", "]d2", "]Q3", "]e0", "]J1")


def only(text: str, aim: str | None) -> Scan:
    """The one way to read it."""
    (found,) = scan(text, aim)
    return found


def told(found: Scan, grade: Grade = Grade.FAILED) -> list[str]:
    """The codes of this grade."""
    return [finding.code for finding in found.findings if finding.grade is grade]


@pytest.mark.parametrize("aim", STRINGS)
def test_symbols_that_hold_element_strings(aim: str) -> None:
    """All five alike; DotCode (]J1) too."""
    assert only(DRUG_TEXT, aim) == Scan(DRUG, only(DRUG_TEXT, aim).findings, Sureness.CARRIER)
    assert verdict(only(DRUG_TEXT, aim).findings) is Verdict.VALID
    assert told(only(DRUG_TEXT, aim), Grade.PASSED) == ["check_digit_right", "date_right"]
    assert told(only("", aim)) == ["elements_missing"]
    assert told(only(GS + DRUG_TEXT, aim)) == ["ai_unknown"]
    assert told(only("6901234567892", aim)) == ["ai_unknown"]
    assert only("(01)06901234567892(17)150707(10)A213B1(21)1234", aim).elements == DRUG


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0106901234567890", "check_digit_wrong"),
        ("00069012345000000012", "check_digit_wrong"),
        ("10ABC", "ai_required"),
        (f"010690123456789210A{GS}10B", "ai_repeated"),
        ("01069012345678920206901234567892", "ai_excluded"),
        ("800306901234567890X", "check_digit_wrong"),
        ("010690123456789270072301012301", "value_short"),  # two dates, of which the second is cut off
        ("0106901234567892" + "7007" + "23010", "value_short"),
    ],
)
def test_what_is_wrong_has_a_code(text: str, code: str) -> None:
    """Each kind its own, which a read point may allow."""
    found = only(text, "]C1")
    assert code in told(found)
    assert verdict(found.findings) is Verdict.INVALID


@pytest.mark.parametrize(
    ("text", "aim", "gtin"),
    [
        ("6901234567892", "]E0", "06901234567892"),
        ("0416000336108", "]E0", "00416000336108"),  # UPC-A, as its identifier has it
        ("02345673", "]E4", "00000002345673"),
        ("6901234567892", "]E3", "06901234567892"),
    ],
)
def test_retail_symbols(text: str, aim: str, gtin: str) -> None:
    """All are a GTIN of 14 digits."""
    found = only(text, aim)
    assert (found.elements, told(found), found.sureness) == ((("01", gtin),), [], Sureness.CARRIER)


@pytest.mark.parametrize(
    ("text", "aim", "code"),
    [
        ("", "]E0", "gtin_too_short"),
        ("69012345678", "]E0", "gtin_too_short"),
        ("690123456789X", "]E0", "gtin_not_digits"),
        ("690123456789\u0662", "]E0", "gtin_not_digits"),  # an Arabic digit
        ("6901234567890", "]E0", "check_digit_wrong"),
        ("69012345678921", "]E0", "gtin_too_long"),
        ("6901234567892|]e0", "]E0", "gtin_too_long"),
        ("6901234567892|]e110A", "]E0", "gtin_too_long"),
        (f"6901234567892|]e0{GS}99A", "]E0", "gtin_too_long"),
        ("6901234567892|]e005A", "]E0", "ai_unknown"),
        ("6901234567892|]e0" + "0116901234567899", "]E0", "ai_repeated"),
        ("416000336108", "]E0", "upc_without_zero"),
        ("0234567", "]E4", "gtin_too_short"),
        ("02345674", "]E4", "check_digit_wrong"),
        ("6901234567892", "]E4", "gtin_too_long"),
        ("6901234567892123", "]E3", "gtin_too_long"),
    ],
)
def test_wrong_retail_symbols(text: str, aim: str, code: str) -> None:
    """Each with its own reason."""
    assert code in told(only(text, aim))


def test_composites() -> None:
    """The two messages of one symbol are one item."""
    found = only(f"6901234567892|]e010A213B1{GS}99Z", "]E0")
    assert (found.elements, told(found)) == ((GTIN, ("10", "A213B1"), ("99", "Z")), [])
    assert only("02345673|]e099Z", "]E4").elements == (("01", "00000002345673"), ("99", "Z"))
    assert only(f"0106901234567892{GS}10A213B1", "]e0").elements == (GTIN, ("10", "A213B1"))


def test_add_ons() -> None:
    """Two or five digits behind the number are told; alone they are nothing."""
    found = only("977167412345612", "]E3")
    assert (found.elements, told(found)) == ((("01", "09771674123456"),), [])
    assert ("add_on", {"digits": "12"}) in [(finding.code, finding.params) for finding in found.findings]
    assert told(only("978306406157612345", "]E3"), Grade.NOTE) == ["gtin_isbn", "add_on"]
    assert scan("12", "]E1") == scan("12345", "]E2") == ()


@pytest.mark.parametrize("aim", [None, "]C0", "]Q1", "]d1"])
@pytest.mark.parametrize("text", ["6901234567892", "16901234567899", "416000336108", "02345673"])
def test_bare_numbers(text: str, aim: str | None) -> None:
    """No symbol says so, but the check digit does."""
    found = next(one for one in scan(text, aim) if one.elements == (("01", text.zfill(14)),))
    assert (told(found), found.sureness) == ([], Sureness.CHECKED)


def test_interleaved_two_of_five_holds_fourteen_digits() -> None:
    """Of GS1's numbers. A shorter one is cut, or somebody else's."""
    for aim in ("]I0", "]I1"):
        assert only("16901234567899", aim).elements == (("01", "16901234567899"),)
        assert scan("6901234567892", aim) == scan("02345673", aim) == scan("0106901234567892", aim) == ()


def test_the_form_for_people_is_in_no_symbol() -> None:
    """It is read, and told to be wrong: the scanner sends something else than what it has seen."""
    found = only("(01)06901234567892(10)L1", "]d2")
    assert (found.elements, told(found)) == ((("01", "06901234567892"), ("10", "L1")), ["brackets_in_symbol"])


def test_an_element_string_in_an_envelope() -> None:
    """ISO/IEC 15434, format 05."""
    found = only("[)>\x1e05\x1d010690123456789210L1\x1d21S1\x1e\x04", "]d1")
    assert found.elements == (("01", "06901234567892"), ("10", "L1"), ("21", "S1"))
    assert (told(found), found.sureness) == ([], Sureness.CARRIER)
    assert told(only("[)>\x1e05\x1d0106901234567893", None)) == ["check_digit_wrong"]
    assert only("[)>\x1e05\x1d010690123456789210L1\x1e06\x1dSX\x1e\x04", "]d1").elements[1] == ("10", "L1")


def test_bare_numbers_that_are_wrong() -> None:
    """A GTIN may have been misread; eight digits that are none are any number."""
    assert told(only("6901234567890", None)) == ["check_digit_wrong"]
    assert only("6901234567890", None).sureness is Sureness.LENGTH
    assert scan("93456789", None) == ()
    assert scan("69012345678921", None)[0].sureness is Sureness.LENGTH
    assert scan("812345678901234567", None) == ()


def test_a_bare_sscc_is_no_surer_than_its_length() -> None:
    """Equipment has codes of 18 digits, too."""
    assert only("069012345000000011", None) == Scan(
        (("00", "069012345000000011"),), only("069012345000000011", None).findings, Sureness.LENGTH
    )


def test_13_digits_that_begin_like_a_serial_number() -> None:
    """Only a symbol makes a serial number of it."""
    assert only("2100000123452", None).elements == only("2100000123452", "]E0").elements == (("01", "02100000123452"),)
    assert only("2100000123452", "]C1").elements == (("21", "00000123452"),)


@pytest.mark.parametrize(
    ("text", "elements", "sureness"),
    [
        (DRUG_TEXT, DRUG, Sureness.CHECKED),
        (GS + DRUG_TEXT, DRUG, Sureness.CHECKED),
        (SSCC, (("00", "069012345000000011"),), Sureness.CHECKED),
        ("(99)anything", (("99", "anything"),), Sureness.CHECKED),
        (f"10A213B1{GS}99Z", (("10", "A213B1"), ("99", "Z")), Sureness.LENGTH),
        (f"98A{GS}99Z", (("98", "A"), ("99", "Z")), Sureness.CHECKED),
        ("0106901234567890", (("01", "06901234567890"),), Sureness.LENGTH),  # misread, or made up
    ],
)
def test_strings_without_a_symbol(text: str, elements: Elements, sureness: Sureness) -> None:
    """Sure by what they prove of themselves."""
    found = next(one for one in scan(text, None) if one.elements == elements)
    assert found.sureness is sureness
    assert ("gs_first" in told(found, Grade.NOTE)) == text.startswith(GS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "hello",
        "https://example.com/01/06901234567892",
        "10 Flaschen",
        "(c) 2026",
        "05A",
        "12345",
        "21-4567/B",
        "99X",
    ],
)
def test_what_is_not_of_gs1(text: str) -> None:
    """Nothing is made of it."""
    assert scan(text, None) == scan(text, "]Q1") == ()


def test_a_lost_separator_is_told_and_not_put_back() -> None:
    """A warning: the lot may be one that looks so."""
    found = only(DRUG_TEXT.replace(GS, ""), "]d2")
    assert found.elements[-1] == ("10", "A213B1211234")
    assert told(found, Grade.WARNING) == ["gs_maybe_lost"]
    assert verdict(found.findings) is Verdict.WARNING


@pytest.mark.parametrize(
    ("gtin", "code"),
    [
        ("02012345678903", "gtin_in_store"),
        ("00212345678909", "gtin_in_store"),
        ("00000021234569", "gtin_in_store"),
        ("09771674123456", "gtin_issn"),
        ("09783064061576", "gtin_isbn"),
        ("09912345678909", "gtin_coupon"),
        ("06901234567892", None),
        ("00000012345670", None),
    ],
)
def test_what_the_prefix_says(gtin: str, code: str | None) -> None:
    """A note: nothing is wrong with the number."""
    assert told(only("01" + gtin, "]C1"), Grade.NOTE) == ([code] if code else [])


@given(element_lists(), st.sampled_from(STRINGS))
def test_elements_to_a_scan_and_back(elements: Elements, aim: str) -> None:
    """Right or wrong, they are read as they were written."""
    assert only(write(elements), aim).elements == elements


AIMS = st.sampled_from(
    [None, "]C0", "]C1", "]d1", "]d2", "]Q3", "]e0", "]E0", "]E1", "]E3", "]E4", "]I1", "]J1", "]X0", "?"]
)


@given(st.text(max_size=40) | st.text("0123456789\x1d()|]eE\u0661", max_size=40), AIMS)
def test_any_text(text: str, aim: str | None) -> None:
    """Never raises; a symbol of GS1 always has a verdict."""
    found = scan(text, aim)
    assert found or aim not in STRINGS
