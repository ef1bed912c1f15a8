"""Each check by itself: what is just right, just wrong, too short, too long, and of other characters."""

from datetime import date

import pytest
from biip.checksums import gs1_standard_check_digit
from hypothesis import given, settings
from hypothesis import strategies as st

from support.gs1 import CHARACTERS
from traceability.gs1.checks import CHECKS
from traceability.gs1.iso import COUNTRIES, COUNTRIES_BY_LETTERS, CURRENCIES

DIGITS = CHARACTERS["N"]

PASSES = {
    "csum": ["0", "00", "17", "6901234567892", "06901234567892", "069012345000000011", "96385074"],
    "csumalpha": ["22", "1987654Ad4X4bL5ttr2310c2K", "!22", '"24'],
    "gcppos1": ["0000", "6901", "6901A"],
    "gcppos2": ["06901", "x6901A", " 0000"],
    "hasnondigit": ["A", "1A", "-1"],
    "hh": ["00", "09", "19", "23"],
    "hhmi": ["0000", "2359"],
    "hyphen": ["-", "--"],
    "iban": ["DE89370400440532013000", "GB29NWBK60161331926819", "NO9386011117947"],
    "importeridx": ["-", "_", "0", "9", "A", "Z", "a", "z"],
    "iso3166": ["004", "156", "894"],
    "iso3166999": ["004", "156", "894", "999"],
    "iso3166alpha2": ["AD", "CN", "ZW"],
    "iso4217": ["008", "156", "999"],
    "iso5218": ["0", "1", "2", "9"],
    "latitude": ["0000000000", "1800000000"],
    "longitude": ["0000000000", "3600000000"],
    "mediatype": ["01", "10", "80", "99"],
    "mi": ["00", "59"],
    "nonzero": ["1", "01", "10"],
    "nozeroprefix": ["1", "10", ""],
    "packagetype": ["8", "9", "1A", "200", "X20", "ZZ"],
    "pcenc": ["", "A", "%00", "%aF", "A%41A", "%4142"],
    "pieceoftotal": ["11", "0101", "0102", "9999", "001100"],
    "posinseqslash": ["1/1", "1/2", "9/10", "10/11", "11/11"],
    "ss": ["00", "59"],
    "winding": ["0", "1", "9"],
    "yesno": ["0", "1"],
    "yymmd0": ["000229", "260100", "261231", "240229", "990228", "000200"],
    "yymmdd": ["000229", "261231", "240229"],
    "yyyymmdd": ["20000229", "19000228", "00010101", "99991231", "00000101"],
    "zero": ["0", "00"],
}

FAILS = {
    "csum": ["", "1", "18", "6901234567893", "a", "690123456789a", "a6901234567892", "²"],
    "csumalpha": [
        "",
        "2",
        "23",
        "ab",
        "1987654Ad4X4bL5ttr2310c2L",
        "1987654Ad4X4bL5ttr2310ck2",
        "$22",
        "!" * 98 + "22",
    ],
    "gcppos1": ["", "690", "69A1", "A901", "690A", " 6901", "٦٩٠١"],
    "gcppos2": ["", "0", "0690", "069A1", "0A901", "6901"],
    "hasnondigit": ["", "1", "0123456789"],
    "hh": ["", "0", "24", "99", "000", "1a", "-1", "٠٠"],
    "hhmi": ["", "000", "2400", "0060", "00000", "00a0"],
    "hyphen": ["", "+", "-+", "+-", "1"],
    "iban": [
        "",
        "DE8",
        "DE89370400440532013001",  # a digit other
        "DE98370400440532013000",  # check digits the other way round
        "XX89370400440532013000",  # no such country
        "de89370400440532013000",
        "DE8937040044053201300a",
        "DE89 370400440532013000",
        "NO93860111",  # ten characters are too few
        "GB29NWBK" + "6" * 27,  # more than 34
    ],
    "importeridx": ["", "--", "AA", "+", ".", "é"],
    "iso3166": ["", "000", "003", "895", "999", "15", "0156", "1a6", "٠٠٤"],
    "iso3166999": ["", "000", "998", "99", "9999"],
    "iso3166alpha2": ["", "A", "AA", "XK", "cn", "CHN", "99"],
    "iso4217": ["", "000", "007", "191", "694", "931", "932", "998", "15", "0156", "1a6"],
    "iso5218": ["", "3", "8", "00", "12", "A"],
    "latitude": ["", "000000000", "00000000000", "1800000001", "9999999999", "18000000a0"],
    "longitude": ["", "000000000", "00000000000", "3600000001", "9999999999", "36000000a0"],
    "mediatype": ["", "00", "11", "79", "1", "001", "0a"],
    "mi": ["", "0", "60", "99", "000", "0a"],
    "nonzero": ["", "0", "000", "1a", "a"],
    "nozeroprefix": ["0", "01", "00", "a", "1a"],
    "packagetype": ["", "1", "1a", "AE", "ZE", "1AA", "X"],
    "pcenc": ["%", "%4", "%4g", "%g4", "%%41", "A%", "%41%", "%4%41"],
    "pieceoftotal": ["", "1", "01", "10", "0100", "0001", "0201", "012", "0a01", "00010000"],
    "posinseqslash": [
        "",
        "/",
        "1",
        "1/",
        "/1",
        "0/1",
        "1/0",
        "01/2",
        "1/02",
        "2/1",
        "10/9",
        "1/2/3",
        "a/1",
        "1/a",
        "12",
    ],
    "ss": ["", "0", "60", "99", "000", "0a"],
    "winding": ["", "2", "8", "00", "A"],
    "yesno": ["", "2", "9", "00", "Y"],
    "yymmd0": ["", "26010", "2601011", "260001", "261301", "260132", "260229", "260431", "26a101", "٢٦٠١٠١"],
    "yymmdd": ["", "26010", "2601011", "260100", "260001", "261301", "260132", "260229", "26010a"],
    "yyyymmdd": ["", "2026010", "202601011", "20260100", "20261301", "19000229", "20260229", "2026010a"],
    "zero": ["", "1", "01", "10", "a"],
}

COUPONS = {
    # the prefix is measured by the first digit plus 6, the offer has six digits; then value, requirement, its kind, family
    "0614141" + "123456" + "10" + "12" + "3" + "100": None,
    "6614141000001" + "123456" + "10" + "12" + "3" + "100": None,
    "0614141" + "123456" + "512345" + "554321" + "9" + "000": None,
    "": "coupon_short",
    "0": "coupon_short",
    "061414": "coupon_short",
    "7" + "614141" * 4: "coupon_wrong",  # longest is 6
    "0614141" + "12345": "coupon_short",
    "0614141" + "123456": "coupon_short",
    "0614141" + "123456" + "0": "coupon_wrong",  # a value has one to five digits
    "0614141" + "123456" + "6123456": "coupon_wrong",
    "0614141" + "123456" + "10" + "0": "coupon_wrong",
    "0614141" + "123456" + "10" + "12" + "5" + "100": "coupon_wrong",  # 0 to 4 and 9
    "0614141" + "123456" + "10" + "12" + "3" + "10": "coupon_short",
    "06141411234561012310x": "not_a_digit",
}
BASE = "0614141" + "123456" + "10" + "12" + "3" + "100"
OPTIONS = {
    "1" + "3" + "12" + "9" + "100" + "9": None,  # a second purchase of the same firm
    "1" + "0" + "12" + "9" + "100" + "0614141": None,
    "1" + "4" + "12" + "9" + "100" + "9": "coupon_wrong",
    "1" + "0" + "12" + "9" + "100": "coupon_short",
    "1" + "0" + "12" + "9" + "100" + "76141411234567": "coupon_wrong",
    "1" + "0" + "12" + "9" + "100" + "061414": "coupon_short",
    "2" + "12" + "0" + "100" + "9": None,  # a third one
    "2" + "62": "coupon_wrong",
    "3" + "261231": None,  # it ends
    "3" + "260229": "coupon_date",
    "3" + "261200": "coupon_date",
    "3" + "26123": "coupon_short",
    "4" + "260101": None,  # it starts
    "4" + "261301": "coupon_date",
    "3" + "261231" + "4" + "261231": None,
    "3" + "261230" + "4" + "261231": "coupon_ends_before_start",
    "4" + "260101" + "3" + "261231": "coupon_long",  # the options stand in their order
    "5" + "0123456": None,  # serial number
    "5" + "9123456789012345": None,
    "5" + "912345678901234": "coupon_short",
    "5": "coupon_short",
    "6" + "11234567": None,  # the shop
    "6" + "71234567890123": None,
    "6" + "0123456": "coupon_wrong",
    "6" + "812345678901234": "coupon_wrong",
    "9" + "0000": None,  # how it is counted
    "9" + "6291": None,
    "9" + "3000": "coupon_wrong",
    "9" + "0300": "coupon_wrong",
    "9" + "0002": "coupon_wrong",
    "9" + "000": "coupon_short",
    "9" + "0000" + "1": "coupon_long",
    "0": "coupon_long",
    "7": "coupon_long",
}
OFFERS = {
    "0" + "0614141" + "123456" + "0123456": None,
    "1" + "6614141000001" + "123456" + "9123456789012345": None,
    "": "coupon_short",
    "2" + "0614141" + "123456" + "0123456": "coupon_wrong",
    "0": "coupon_short",
    "0" + "76141410000012" + "123456" + "0123456": "coupon_wrong",
    "0" + "061414": "coupon_short",
    "0" + "0614141" + "12345": "coupon_short",
    "0" + "0614141" + "123456": "coupon_short",
    "0" + "0614141" + "123456" + "012345": "coupon_short",
    "0" + "0614141" + "123456" + "01234567": "coupon_long",
    "0" + "061414x": "not_a_digit",
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in PASSES.items() for text in texts])
def test_it_passes(name: str, text: str) -> None:
    assert CHECKS[name](text) is None


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FAILS.items() for text in texts])
def test_it_fails(name: str, text: str) -> None:
    assert CHECKS[name](text)


def test_each_check_is_tested() -> None:
    assert set(PASSES) == set(FAILS) == set(CHECKS) - {"couponcode", "couponposoffer"}


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        *(("couponcode", text, code) for text, code in COUPONS.items()),
        *(("couponcode", BASE + text, code) for text, code in OPTIONS.items()),
        *(("couponposoffer", text, code) for text, code in OFFERS.items()),
    ],
)
def test_coupons(name: str, text: str, code: str | None) -> None:
    assert CHECKS[name](text) == code


def test_all_options_of_a_coupon_together() -> None:
    chosen = ("131291009", "21201009", "3261231", "4260101", "50123456", "611234567", "90000")
    assert CHECKS["couponcode"](BASE + "".join(chosen)) is None


@given(st.sampled_from(sorted(CHECKS)), st.text(max_size=40) | st.text(CHARACTERS["X"], max_size=40) | st.text(DIGITS))
def test_any_text_gets_an_answer(name: str, text: str) -> None:
    code = CHECKS[name](text)
    assert code is None or code.isidentifier()


@given(st.text(DIGITS, min_size=1, max_size=30))
def test_just_one_check_digit_is_right(digits: str) -> None:
    """The peer says which."""
    passed = [digit for digit in DIGITS if CHECKS["csum"](digits + digit) is None]
    assert passed == [str(gs1_standard_check_digit(digits))]


@given(st.text(CHARACTERS["X"], min_size=1, max_size=97))
@settings(max_examples=15)
def test_just_one_check_pair_is_right(data: str) -> None:
    letters = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
    passed = [a + b for a in letters for b in letters if CHECKS["csumalpha"](data + a + b) is None]
    assert len(passed) == 1


@given(st.integers(1000, 9999), st.integers(0, 99), st.integers(0, 99))
def test_dates_are_those_of_the_calendar(year: int, month: int, day: int) -> None:
    try:
        date(year, month, day)
        exists = True
    except ValueError:
        exists = False
    text = f"{year}{month:02}{day:02}"
    assert (CHECKS["yyyymmdd"](text) is None) is exists
    if 2000 <= year < 2050:
        assert (CHECKS["yymmdd"](text[2:]) is None) is exists
        assert (CHECKS["yymmd0"](text[2:]) is None) is (exists or (day == 0 and 1 <= month <= 12))


def test_code_lists_are_whole() -> None:
    """As many countries as ISO 3166-1 has; all are told apart."""
    assert (len(COUNTRIES), len(COUNTRIES_BY_LETTERS), len(CURRENCIES)) == (249, 249, 179)
    assert all(len(code) == 3 and code.isdigit() for code in COUNTRIES | CURRENCIES)
    assert sum(CHECKS["iso3166"](f"{number:03}") is None for number in range(1000)) == 249
    assert sum(CHECKS["mediatype"](f"{number:02}") is None for number in range(100)) == 30
