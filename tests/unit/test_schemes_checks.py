"""The checks of a table: sums against worked examples and against damage, dates against the calendar."""

import calendar
import string
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traceability.schemes.checks import Check
from traceability.schemes.pattern import PatternError, compiled, lengths
from traceability.schemes.rows import CheckRow
from traceability.schemes.sums import SUMS

WORKED = [
    ("mod10", "690123456789", "2"),  # an EAN-13
    ("mod10", "06901234500000001", "1"),  # an SSCC
    ("luhn", "7992739871", "3"),
    ("mod11_10", "0794", "5"),  # of ISO 7064
    ("uscc", "91110000600037341", "L"),  # of python-stdnum's documentation
    ("org_code", "60003734", "1"),  # inside of it
]


@pytest.mark.parametrize(("name", "body", "digit"), WORKED)
def test_worked_examples(name: str, body: str, digit: str) -> None:
    assert SUMS[name](body) == digit


def _body(name: str) -> st.SearchStrategy[str]:
    if name == "uscc":
        return st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17)
    if name == "org_code":
        return st.text(string.digits + string.ascii_uppercase, min_size=8, max_size=8)
    return st.text(string.digits, min_size=1, max_size=30)


@given(st.sampled_from(sorted(SUMS)).flatmap(lambda name: st.tuples(st.just(name), _body(name))), st.data())
def test_one_wrong_character_is_seen(drawn: tuple[str, str], data: st.DataObject) -> None:
    """Of each sum: a single character that another takes the place of never leaves it right."""
    name, body = drawn
    check = Check(CheckRow(check=name, group="code"))  # type: ignore[arg-type]
    digit = SUMS[name](body)
    assert digit is not None
    assert check.finding(body + digit, None) is check.right
    at = data.draw(st.integers(0, len(body) - 1))
    other = data.draw(st.sampled_from("0123456789").filter(lambda one: one != body[at]))
    if name == "org_code" and (int(other, 36) - int(body[at], 36)) % 11 == 0:
        return  # modulo 11 with letters cannot see it: the standard's own weakness
    finding = check.finding(body[:at] + other + body[at + 1 :] + digit, None)
    assert finding is not check.right
    assert finding.params["value"] == body[:at] + other + body[at + 1 :] + digit


@given(st.sampled_from(sorted(SUMS)), st.text(max_size=20))
def test_any_text_may_be_summed(name: str, text: str) -> None:
    check = Check(CheckRow(check=name, group="code"))  # type: ignore[arg-type]
    assert check.finding(text, None).code.startswith("scheme_check_")


@given(st.text(string.digits, min_size=8, max_size=8), st.integers(2000, 2100))
def test_a_date_is_one_of_the_calendar(text: str, present: int) -> None:
    check = Check(CheckRow(check="date", group="d", format="YYYYMMDD", since=2010))
    try:
        right = 2010 <= date(int(text[:4]), int(text[4:6]), int(text[6:])).year <= present
    except ValueError:
        right = False
    assert (check.finding(text, present) is check.right) is right


@given(st.integers(0, 9), st.integers(1, 12), st.integers(1, 31), st.integers(2000, 2100))
def test_the_last_digit_of_a_year_is_the_latest_such_year(digit: int, month: int, day: int, present: int) -> None:
    year = next(year for year in range(present, present - 10, -1) if year % 10 == digit)
    check = Check(CheckRow(check="date", group="d", format="YMMDD"))
    right = day <= calendar.monthrange(year, month)[1]
    assert (check.finding(f"{digit}{month:02}{day:02}", present) is check.right) is right


@pytest.mark.parametrize("form", ["YYYYMMDD", "YYYYMM", "YYYY", "YYMMDD", "YYMM", "YY", "YMMDD"])
@given(text=st.text(max_size=9))
def test_any_text_may_be_a_date(form: str, text: str) -> None:
    check = Check(CheckRow(check="date", group="d", format=form))
    for present in (None, 2026):
        finding = check.finding(text, present)
        assert finding is check.right or finding.params["value"] == text


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("a+", "open"),
        (r"\d*x", "open"),
        ("(a+)+", "open"),
        (r"(?:a{1,9}){1,9}", "heavy"),
        ("(?:a|b|cd){0,200}", "heavy"),
        (r"[a-z]{1,600}[a-z]{1,600}", "heavy"),
        ("(?:(?:(?:a*+b|a)*+c|a)*+d|a)*+e", "heavy"),
        ("(?:(?:a{0,990}b|a)*+c|a)*+d", "heavy"),
        ("(?=(?:a*+b|a)*+c)a", "heavy"),
        ("(?>a{1,600}b{1,600}c)d", "heavy"),
        ("(?>a+)b", "open"),
        ("a{4294967294}", "heavy"),
        ("a{0,90}" * 60, "heavy"),
        (r"(?:(?:a|aa){30})++b", "heavy"),
        ("(", "bad"),
        ("[[a]", "bad"),
        ("a{99999999999999}", "bad"),
        ("(" * 400, "bad"),
        ("(" * 499 + "a" + ")" * 499, "bad"),
        ("a" * 1001, "long"),
        ("x?", "empty"),
        ("(?P<a>a)(?P=a)", "reference"),
        ("(?m)^a", "reference"),
        ("(?<=a)b(?(1)a|b)", "bad"),
    ],
)
def test_patterns_that_are_not_taken(pattern: str, why: str) -> None:
    with pytest.raises(PatternError) as caught:
        compiled(pattern)
    assert caught.value.why == why


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<lot>[^/?]{1,60})\?g=(?P<gtin>\d{8,14})(&s=(?P<serial>[^&]{1,60}))?",
        "(?:a{1,60}+b){1,20}+",
        r"[^\r\n]{1,3000}+\n[^\r\n]{1,3000}+",
    ],
)
def test_layouts_as_people_write_them(pattern: str) -> None:
    assert compiled(pattern).pattern == pattern


def test_digits_are_those_of_ascii() -> None:
    assert compiled(r"\d{3}").fullmatch("１２３") is None
    assert compiled(r"[^\n]{1,9}+\n\w").fullmatch("苏\nA")
    assert lengths(r"SC\d{14}(?:-\d{1,3})?") == (16, 20)


_ATOM = st.sampled_from(["a", "[ab]", r"\d", ".", "(?:a|b)", "(?:aa|a)", "(?:a{1,3})", "(?>a|aa)"])
_REPEAT = st.sampled_from(["", "?", "{2}", "{1,4}", "{1,9}", "{0,30}", "{1,9}+", "{0,40}?", "*+", "{0,990}"])


@given(st.lists(st.tuples(_ATOM, _REPEAT), min_size=1, max_size=5), st.sampled_from(["", "{1,3}", "{1,20}+", "*+"]))
def test_no_pattern_that_is_taken_runs_away(parts: list[tuple[str, str]], around: str) -> None:
    """What is let in answers the texts that are worst for it before this test is given up; others would take years."""
    pattern = f"(?:{''.join(atom + repeat for atom, repeat in parts)}){around}"
    try:
        fits = compiled(pattern).fullmatch
    except PatternError:
        return
    for text in ("a" * 60 + "!", "ab" * 30 + "!", "1" * 60 + "!", "a" * 7088 + "!"):
        fits(text)
