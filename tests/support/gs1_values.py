"""Values that are right for an AI, made without the checks that are tested with them."""

from collections.abc import Callable
from datetime import date

from biip.checksums import gs1_standard_check_digit
from hypothesis import strategies as st

from support.gs1 import CHARACTERS
from traceability.gs1.table import AI, Component

DIGITS = CHARACTERS["N"]


def right_values(ai: AI) -> st.SearchStrategy[str]:
    """Any value with which nothing is wrong."""
    wanted = [part for part in ai.components if not part.optional]
    extra = [part for part in ai.components if part.optional]
    return st.integers(0, len(extra)).flatmap(
        lambda more: st.tuples(*(part(one) for one in wanted + extra[:more])).map("".join)
    )


def part(component: Component) -> st.SearchStrategy[str]:
    named = _PARTS.get(component.checks)
    if named:
        return named(component)
    assert not component.checks, component.checks
    text = st.text(CHARACTERS[component.kind], min_size=component.least, max_size=component.most)
    return text.map(lambda made: made.replace("=", "A")) if component.kind == "Z" else text


def dates() -> st.SearchStrategy[str]:
    return st.dates(date(2000, 1, 1), date(2049, 12, 31)).map(lambda day: f"{day:%y%m%d}")


def _summed(component: Component) -> st.SearchStrategy[str]:
    digits = st.text(DIGITS, min_size=component.most - 1, max_size=component.most - 1)
    return digits.map(lambda made: made + str(gs1_standard_check_digit(made)))


def _prefixed(component: Component) -> st.SearchStrategy[str]:
    rest = st.text(CHARACTERS[component.kind], max_size=component.most - 4)
    return st.tuples(st.text(DIGITS, min_size=4, max_size=4), rest).map("".join)


def _one_of(*texts: str) -> Callable[[Component], st.SearchStrategy[str]]:
    return lambda component: st.sampled_from(texts)


def _number(least: int, most: int) -> Callable[[Component], st.SearchStrategy[str]]:
    return lambda component: st.integers(least, most).map(lambda number: f"{number:0{component.most}}")


_PARTS: dict[tuple[str, ...], Callable[[Component], st.SearchStrategy[str]]] = {
    ("couponcode",): _one_of(
        "0614141123456" + "10" + "123100", "6614141000001123456" + "512345" + "5543219000" + "3991231"
    ),
    ("couponposoffer",): _one_of("00614141" + "123456" + "0000001", "16614141000001" + "123456" + "9" + "1" * 15),
    ("csum", "gcppos1"): _summed,
    ("csum", "gcppos2"): _summed,
    ("csumalpha", "gcppos1"): _one_of("1987654Ad4X4bL5ttr2310c2K"),
    ("csumalpha", "gcppos1", "hasnondigit"): _one_of("1987654Ad4X4bL5ttr2310c2K"),
    ("gcppos1",): _prefixed,
    ("hh",): _number(0, 23),
    ("hhmi",): lambda component: st.times().map(lambda time: f"{time:%H%M}"),
    ("hyphen",): _one_of("-"),
    ("iban",): _one_of("DE89370400440532013000", "GB29NWBK60161331926819", "NO9386011117947"),
    ("importeridx",): lambda component: st.sampled_from(CHARACTERS["Z"].replace("=", "")),
    ("iso3166",): _one_of("004", "156", "894"),
    ("iso3166999",): _one_of("156", "999"),
    ("iso3166alpha2",): _one_of("AD", "CN", "ZW"),
    ("iso4217",): _one_of("008", "156", "999"),
    ("iso5218",): _one_of("0", "1", "2", "9"),
    ("latitude",): _number(0, 1_800_000_000),
    ("longitude",): _number(0, 3_600_000_000),
    ("mediatype",): _one_of("01", "10", "80", "99"),
    ("mi",): _number(0, 59),
    ("nonzero",): lambda component: _number(1, 10**component.most - 1)(component),
    ("nozeroprefix",): lambda component: st.integers(1, 10**component.most - 1).map(str),
    ("packagetype",): _one_of("8", "1A", "200", "ZZ"),
    ("pcenc",): _one_of("A", "%E4%B8%AD", "a%2fb", "100%25"),
    ("pieceoftotal",): _one_of("0101", "0102", "9999"),
    ("posinseqslash",): _one_of("1/1", "1/2", "9/9"),
    ("ss",): _number(0, 59),
    ("winding",): _one_of("0", "1", "9"),
    ("yesno",): _one_of("0", "1"),
    ("yymmd0",): lambda component: dates() | dates().map(lambda day: day[:4] + "00"),
    ("yymmdd",): lambda component: dates(),
    ("yyyymmdd",): lambda component: st.dates(date(1000, 1, 1)).map(lambda day: f"{day:%Y%m%d}"),
    ("zero",): _one_of("0"),
}
"""By the checks of a part, how one is made that passes them."""
