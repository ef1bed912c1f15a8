"""Element strings as scanners send them and as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gs1 import element_lists
from traceability.finding import Grade
from traceability.gs1.elements import GS, MOST, Parsed, bracketed, parse, write
from traceability.identity import Elements

GTIN = ("01", "06901234567892")
DRUG = (GTIN, ("17", "150707"), ("10", "A213B1"), ("21", "1234"))


def failed(parsed: Parsed) -> list[str]:
    """The codes of what is wrong."""
    return [finding.code for finding in parsed.findings if finding.grade is Grade.FAILED]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        (f"01069012345678921715070710A213B1{GS}211234", DRUG),
        (f"01069012345678921715070710A213B1{GS}211234{GS}", DRUG),  # one behind the last
        (f"0106901234567892{GS}17150707{GS}10A213B1{GS}211234", DRUG),  # where none is needed
        ("00069012345000000011", (("00", "069012345000000011"),)),
        ("01969012345678953103000123", (("01", "96901234567895"), ("3103", "000123"))),
        (f"0106901234567892422156{GS}10L", (GTIN, ("422", "156"), ("10", "L"))),  # of one length, but not predefined
        (f"10A{GS}10A", (("10", "A"), ("10", "A"))),
        ("21" + "X" * 20, (("21", "X" * 20),)),
    ],
)
def test_a_string_is_taken_apart(text: str, elements: Elements) -> None:
    """A separator ends what has no predefined length, and is passed over behind what has."""
    parsed = parse(text)
    assert (parsed.elements, failed(parsed), parsed.whole) == (elements, [], True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "elements_missing"),
        (GS, "ai_unknown"),
        (f"{GS}0106901234567892", "ai_unknown"),  # FNC1 in front is not sent
        (f"0106901234567892{GS}{GS}10A", "ai_unknown"),
        (f"10A{GS}{GS}", "ai_unknown"),
        ("0506901234567892", "ai_unknown"),  # there is no AI 05
        ("0106901234567892x", "ai_unknown"),
        ("01069012345678921", "ai_unknown"),  # half an AI
        ("AB06901234567892", "ai_unknown"),
        ("(01)06901234567892", "ai_unknown"),
    ],
)
def test_what_cannot_be_taken_apart(text: str, code: str) -> None:
    """The rest is not guessed at."""
    parsed = parse(text)
    assert failed(parsed) == [code]
    assert not parsed.whole


@pytest.mark.parametrize(
    "text",
    [
        "0106901234567890",  # check digit
        f"01069012345678{GS}10A",  # ended too early
        "010690123456789",
        "10",
        f"10{GS}21A",
        "10" + "A" * 21,
        "10A~",
        "10A^B",
        "17261301",
        "0106901234567892422",
        f"4221567{GS}10A",  # of a given length, but not a predefined one: a separator must follow
    ],
)
def test_a_wrong_value_is_told_and_the_others_are_still_read(text: str) -> None:
    """The string is whole: what is wrong is one value."""
    parsed = parse(text + f"{GS}99Z")
    assert len(failed(parsed)) == 1
    assert parsed.whole
    assert parsed.elements[-1] == ("99", "Z")


def test_too_many() -> None:
    """As many as GS1's engine takes, and not one more."""
    one = f"99A{GS}"
    assert parse(one * MOST).whole
    assert failed(parse(one * (MOST + 1))) == ["elements_too_many"]
    assert failed(bracketed("(99)A" * (MOST + 1))) == ["elements_too_many"]


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("(01)06901234567892(17)150707(10)A213B1(21)1234", DRUG),
        (r"(10)A\(B(21)C", (("10", "A(B"), ("21", "C"))),
        (r"(10)\((21)C", (("10", "("), ("21", "C"))),
        (r"(10)\(\(10)C", (("10", "((10)C"),)),
        ("(10)A)B", (("10", "A)B"),)),  # only the opening one is escaped
        ("(01)06901234567892|(10)A", (GTIN, ("10", "A"))),
    ],
)
def test_brackets(text: str, elements: Elements) -> None:
    """In a value an opening one is escaped."""
    parsed = bracketed(text)
    assert (parsed.elements, failed(parsed), parsed.whole) == (elements, [], True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "elements_missing"),
        ("01", "brackets_wrong"),
        ("(01", "brackets_wrong"),
        ("0106901234567892(10)A", "brackets_wrong"),
        ("(1)A", "ai_unknown"),
        ("()A", "ai_unknown"),
        ("(011)A", "ai_unknown"),
        ("(10 )A", "ai_unknown"),
        ("(10)A|", "elements_missing"),
        ("|(10)A", "elements_missing"),
        ("(10)A|99B", "brackets_wrong"),
    ],
)
def test_wrong_brackets(text: str, code: str) -> None:
    """Each with its own reason."""
    parsed = bracketed(text)
    assert failed(parsed) == [code]
    assert not parsed.whole


@pytest.mark.parametrize(
    "text", ["(10)", "(10)(21)A", "(01)069012345678921", f"(10)A{GS}21B", r"(10)A\\(B", "(10)A|(21)B|(99)C"]
)
def test_wrong_values_in_brackets(text: str) -> None:
    """Empty, too long, or with what no value may hold."""
    assert len(failed(bracketed(text))) == 1


def test_separators_stand_only_where_they_must() -> None:
    """A symbol has no room for more."""
    assert write(DRUG) == f"01069012345678921715070710A213B1{GS}211234"
    assert write((("10", "A"), GTIN)) == f"10A{GS}0106901234567892"


@given(element_lists())
def test_elements_to_barcode_text_and_back(elements: Elements) -> None:
    """Whatever their order and their number; and the same by brackets."""
    assert parse(write(elements)).elements == elements
    shown = "".join(f"({ai})" + value.replace("(", r"\(") for ai, value in elements)
    assert bracketed(shown) == parse(write(elements))
    assert parse(write(elements) + GS).elements == elements


def test_half_a_character() -> None:
    """A lone surrogate, as a broken decoder leaves it, is told."""
    half = "\ud800"
    assert failed(parse(f"10A{half}")) == failed(bracketed(f"(10)A{half}")) == ["not_set_82"]
    assert failed(parse(f"{half}10A")) == failed(bracketed(f"({half})A")) == ["ai_unknown"]
    assert failed(parse(f"01{half * 14}")) == ["not_a_digit"]


@given(st.text(max_size=60) | st.text("0123\x1d()|A\\", max_size=60))
def test_any_text(text: str) -> None:
    """Never raises, and says what is wrong if it cannot be taken apart."""
    for parsed in (parse(text), bracketed(text)):
        assert parsed.whole or failed(parsed)
