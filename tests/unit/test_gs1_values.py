"""Single values: length, characters, parts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.gs1 import CHARACTERS
from support.gs1_values import right_values
from traceability.finding import Grade
from traceability.gs1.table import AI, find, table
from traceability.gs1.values import right, wrong


def known(code: str) -> AI:
    ai = find(code)
    assert ai
    return ai


def code_of(ai: str, value: str) -> str | None:
    found = wrong(known(ai), value)
    return found.code if found else None


DIFFERENT = list({ai.components: ai for ai in table().values()}.values())
"""One AI of each kind of data."""


@given(st.data(), st.sampled_from(DIFFERENT))
@settings(max_examples=150)
def test_right_values_are_right(data: st.DataObject, ai: AI) -> None:
    assert wrong(ai, data.draw(right_values(ai))) is None


@given(st.data(), st.sampled_from(DIFFERENT))
@settings(max_examples=60)
def test_what_is_too_long_or_of_other_characters_is_wrong(data: st.DataObject, ai: AI) -> None:
    value = data.draw(right_values(ai))
    place = data.draw(st.integers(0, len(value) - 1))
    other = data.draw(st.characters(exclude_characters="=" + CHARACTERS["X"] + CHARACTERS["Y"]))
    assert wrong(ai, value[:place] + other + value[place + 1 :])
    filled = value + "1" * (ai.most - len(value) + 1)
    found = wrong(ai, filled)
    assert found
    assert (found.code, found.params) == ("value_long", {"ai": ai.code, "most": str(ai.most)})


@given(st.sampled_from(list(table().values())), st.text())
def test_any_text_gets_an_answer(ai: AI, text: str) -> None:
    found = wrong(ai, text)
    assert found is None or (found.grade is Grade.FAILED and found.params["ai"] == ai.code)


@pytest.mark.parametrize(
    ("ai", "value", "code"),
    [
        ("10", "", "value_empty"),
        ("01", "", "value_empty"),
        ("01", "0690123456789", "value_short"),
        ("01", "069012345678921", "value_long"),
        ("01", "0690123456789x", "not_a_digit"),
        ("01", "٠٦٩٠١٢٣٤٥٦٧٨٩٢", "not_a_digit"),  # Arabic digits
        ("01", "06901234567893", "check_digit_wrong"),
        ("10", "A" * 20, None),
        ("10", "A" * 21, "value_long"),
        ("10", "L #", "not_set_82"),
        ("10", "批1", "not_set_82"),
        ("10", "A^", "not_set_82"),
        ("10", "A\n", "not_set_82"),
        ("10", "!\"%&'()*+,-./:;<=>?_z", "value_long"),
        ("10", "!\"%&'()*+,-./:;<=>?", None),
        ("8010", "6901234A#/-", None),
        ("8010", "6901234a", "not_set_39"),
        ("8010", "690", "company_prefix_short"),
        ("8010", "69A1234", "company_prefix_wrong"),
        # of parts: the optional ones are there whole or not at all
        ("8003", "06901234567892", None),
        ("8003", "069012345678921", None),
        ("8003", "16901234567892", "is_not_zero"),
        ("8003", "06901234567893", "check_digit_wrong"),
        ("8003", "06901234567892#", "not_set_82"),
        ("7007", "260229", "day_wrong"),
        ("7007", "260228260301", None),
        ("7007", "26022826", "value_short"),
        ("7007", "260228260229", "day_wrong"),
        ("8008", "26022823", None),
        ("8008", "2602282359", None),
        ("8008", "260228235959", None),
        ("8008", "260228235", "value_short"),
        ("8008", "26022823595", "value_short"),
        ("8008", "26022824", "hour_wrong"),
        ("8008", "2602282360", "minute_wrong"),
        ("8008", "260228235960", "second_wrong"),
        ("423", "156", None),
        ("423", "156840", None),
        ("423", "156840276250392", None),
        ("423", "15684", "value_short"),
        ("423", "156000", "country_unknown"),
        ("4330", "002500", None),
        ("4330", "002500-", None),
        ("4330", "002500+", "not_a_hyphen"),
        ("3910", "1561", None),
        ("3910", "156", "value_short"),
        ("3910", "000100", "currency_unknown"),
        ("8001", "12341234512391", None),
        ("8001", "00001234512391", "is_zero"),
        ("8001", "12341234512321", "winding_unknown"),
        ("8043", "123456789012345678", None),
        ("8043", "1234567890123456781", None),
        ("7040", "1AB-", None),
        ("7040", "1AB+", "importer_wrong"),
    ],
)
def test_what_is_wrong_first(ai: str, value: str, code: str | None) -> None:
    assert code_of(ai, value) == code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("A", None),
        ("AB_-9", None),
        ("AB=", None),
        ("A==", None),
        ("ABCDE=", None),
        ("A=", "not_set_64"),
        ("ABC=", "not_set_64"),
        ("=", "not_set_64"),
        ("==", "not_set_64"),
        ("===", "not_set_64"),
        ("=AB", "not_set_64"),
        ("AB+", "not_set_64"),
    ],
)
def test_base64_is_padded_to_threes(value: str, code: str | None) -> None:
    """So the reference has it, not to fours."""
    assert code_of("8030", value) == code


def test_what_a_right_value_has_passed() -> None:
    assert [(found.code, found.grade) for found in right(known("01"))] == [("check_digit_right", Grade.PASSED)]
    assert [found.code for found in right(known("8008"))] == ["date_right"]
    assert right(known("10")) == ()
    assert right(known("01")) is right(known("01"))
