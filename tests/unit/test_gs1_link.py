"""Digital Links: what counts as one, what is right, and what is told of the others."""

import biip
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.gs1 import CHARACTERS
from traceability.finding import Grade
from traceability.gs1.elements import MOST
from traceability.gs1.link import NAMES, Link, parse
from traceability.gs1.table import find
from traceability.identity import Elements, gs1_uri, segment
from traceability.payload import payload

GTIN = ("01", "06901234567892")
ITEM = "https://example.cn/01/06901234567892"
SSCC = ("00", "069012345000000011")


def link(url: str) -> Link:
    found = parse(url)
    assert found is not None
    return found


def told(found: Link, grade: Grade = Grade.FAILED) -> list[str]:
    """The codes of what is wrong."""
    return [finding.code for finding in found.findings if finding.grade is grade]


@pytest.mark.parametrize(
    ("url", "elements"),
    [
        (ITEM, (GTIN,)),
        ("http://example.cn/01/06901234567892", (GTIN,)),
        ("HTTPS://EXAMPLE.CN/01/06901234567892", (GTIN,)),
        ("HTTP://EXAMPLE.CN/00/069012345000000011", (SSCC,)),
        (f"{ITEM}/10/L1/21/S1", (GTIN, ("10", "L1"), ("21", "S1"))),
        (f"{ITEM}/22/V/10/L1/21/S1", (GTIN, ("22", "V"), ("10", "L1"), ("21", "S1"))),
        (f"{ITEM}/235/T", (GTIN, ("235", "T"))),
        (f"{ITEM}/235/T?10=L1", (GTIN, ("235", "T"), ("10", "L1"))),  # a lot fits no path with 235
        (f"{ITEM}?17=270630&3103=000500", (GTIN, ("17", "270630"), ("3103", "000500"))),
        ("https://h/414/6901234000016/254/GATE-2", (("414", "6901234000016"), ("254", "GATE-2"))),
        ("https://h/415/6901234000016/8020/R", (("415", "6901234000016"), ("8020", "R"))),
        ("https://h/8004/6901234T0001", (("8004", "6901234T0001"),)),
        ("https://h/00/069012345000000011?02=06901234567892&37=12&10=L", (SSCC, ("02", GTIN[1]), ("37", "12"), ("10", "L"))),
        ("https://h/gs1/pack/01/06901234567892", (GTIN,)),
        ("https://h/01/no-gtin/01/06901234567892", (GTIN,)),  # the right-most key
        ("https://h/00/069012345000000011/01/06901234567892", (GTIN,)),
        ("https://h//x//01/06901234567892", (GTIN,)),
        (f"{ITEM}/10/A%2FB%26?99=%25", (GTIN, ("10", "A/B&"), ("99", "%"))),
        (f"{ITEM}/10/A+B", (GTIN, ("10", "A+B"))),  # a plus is a space in queries alone
        (f"{ITEM}/10/%4c1", (GTIN, ("10", "L1"))),
        (f"{ITEM}?linkType=gs1:pip&utm_source=x&&flag&=&17=270630", (GTIN, ("17", "270630"))),
        (f"{ITEM}?17=270630#21=S1", (GTIN, ("17", "270630"))),
        (f"{ITEM}#/10/L?x", (GTIN,)),
        (f"{ITEM}?99=a=b/c?d", (GTIN, ("99", "a=b/c?d"))),
        ("https://h:8080/01/06901234567892", (GTIN,)),
        ("https://[2001:db8::2]/01/06901234567892", (GTIN,)),
        ("https://xn--fiq228c.xn--fiqs8s/01/06901234567892", (GTIN,)),
    ],
)  # fmt: skip
def test_a_right_link(url: str, elements: Elements) -> None:
    """Elements in the order of the address, without percent-encoding; no host is better than another."""
    found = link(url)
    assert (found.elements, told(found), told(found, Grade.WARNING)) == (elements, [], [])


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("Https://h/01/06901234567892", "link_scheme_case"),
        ("https://h/01/06901234567892?n=扬麦", "link_characters"),
        ("https://h/01/06901234567892/10/A B", "link_characters"),
        ("https://h/01/06901234567892#\x1d", "link_characters"),
        ("https:///01/06901234567892", "link_domain"),
        ("https://me:pw@h/01/06901234567892", "link_domain"),
        ("https://h_1/01/06901234567892", "link_domain"),
        ("https://h?/01/06901234567892", "link_domain"),
        (f"{ITEM}/", "link_tail"),
        (f"{ITEM}/10", "link_tail"),
        (f"{ITEM}/info/more", "link_tail"),
        (f"{ITEM}/999/x", "link_tail"),
        (f"{ITEM}/21/S/10/L", "link_order"),
        (f"{ITEM}/10/L/10/L", "link_order"),
        (f"{ITEM}/21/S/235/T", "link_order"),
        (f"{ITEM}/254/X", "link_order"),
        ("https://h/00/069012345000000011/10/L", "link_order"),
        (f"{ITEM}/10/", "link_empty"),
        ("https://h/00/", "link_empty"),
        (f"{ITEM}?17=", "link_empty"),
        (f"{ITEM}?10=L", "link_in_path"),
        (f"{ITEM}/10/L?21=S", "link_in_path"),
        ("https://h/414/6901234000016?254=X", "link_in_path"),
        (f"{ITEM}/235/T?21=S", "link_attribute"),
        (f"{ITEM}?8200=x", "link_attribute"),
        (f"{ITEM}?17=270630&17=270630", "link_repeated"),
        (f"{ITEM}/10/L?10=L", "link_repeated"),
        (f"{ITEM}?01=06901234567892", "link_repeated"),
        (f"{ITEM}?555=x", "ai_unknown"),
        (f"{ITEM}?1=x", "ai_unknown"),
        (f"{ITEM}?05=x", "ai_unknown"),
        (f"{ITEM}?{'9' * 40}=x", "ai_unknown"),
        (f"{ITEM}?" + "&".join(["x"] * MOST), "elements_too_many"),
        (ITEM + "/10/L" * MOST, "elements_too_many"),
        ("https://h/01/6901234567892", "link_gtin_short"),
        ("https://h/01/690123456792", "link_gtin_short"),
        ("https://h/gtin/6901234567892", "link_gtin_short"),
        ("https://h/01/106901234567892", "value_long"),
        ("https://h/2027/01/05", "value_short"),
        ("https://h/01/0690123456789X", "not_a_digit"),
        (f"{ITEM}/21/a%20b", "not_set_82"),
        (f"{ITEM}/21/a%00", "not_set_82"),
        (f"{ITEM}/21/%E4%B8%AD", "not_set_82"),
        (f"{ITEM}?99=a+b", "not_set_82"),
        ("https://h/00/069012345000000011?10=L", "ai_required"),
        (f"{ITEM}?37=5", "ai_excluded"),
        ("https://h/415/6901234000016", "ai_required"),
        ("https://h/8018/690123400000000011", "check_digit_wrong"),
    ],
)  # fmt: skip
def test_a_wrong_link(url: str, code: str) -> None:
    """Each kind of error has a code of its own."""
    assert told(link(url))[0] == code


@pytest.mark.parametrize(
    "url",
    ["", "x", "https://", "https:/01/06901234567892", "https://h", "https://h/", "https://h/a/b", "ftp://h/01/06901234567892",
     "//h/01/06901234567892", "https://01/06901234567892", "https://h/10/L", "https://h/a?01=06901234567892",
     "https://h/party/balloons", "https://h/2027/01/05/news.html", "https://h/#/01/06901234567892", "https://h/01",
     "https://h/exclusive-offers-today", "https://h/gtinx/06901234567892"],
)  # fmt: skip
def test_an_ordinary_address(url: str) -> None:
    """It is no Digital Link at all."""
    assert parse(url) is None


def test_a_lenient_read_point_can_go_on() -> None:
    """What is wrong is told, and what was said is still there."""
    assert link(f"{ITEM}/21/S/10/L").elements == (GTIN, ("21", "S"), ("10", "L"))
    assert link(f"{ITEM}/10/L/info?17=270630").elements == (GTIN, ("10", "L"), ("17", "270630"))
    assert link("https://h/01/6901234567892").elements == (GTIN,)
    assert link(f"{ITEM}?10=L").elements == (GTIN, ("10", "L"))


@pytest.mark.parametrize(
    "url",
    [
        "https://h/01/6901234567892?02=06901234567892",
        "https://h/01/06901234567890?02=06901234567892",
        f"{ITEM}/info?02=06901234567892",
        f"{ITEM}?02=06901234567892&17=",
        f"{ITEM}?02=06901234567892&10=L",
    ],
)
def test_one_error_hides_no_other(url: str) -> None:
    """A read point that lets the first pass must still see that the elements exclude each other."""
    assert told(link(url))[-2:] == ["ai_excluded", "ai_required"]
    assert len(told(link(url))) == 3


@pytest.mark.parametrize(
    ("short", "full"), [("6901234567892", GTIN[1]), ("012345678905", "00012345678905"), ("96385074", "00000096385074")]
)
def test_a_gtin_without_its_zeros(short: str, full: str) -> None:
    """A code of its own, so that a read point may let it pass; the other checks are made all the same."""
    found = link(f"https://h/01/{short}")
    assert (found.elements, told(found)) == ((("01", full),), ["link_gtin_short"])
    wrong = short[:-1] + str((int(short[-1]) + 1) % 10)
    assert told(link(f"https://h/01/{wrong}")) == ["link_gtin_short", "check_digit_wrong"]


def test_a_gtin_of_13_digits_in_the_query_is_no_error() -> None:
    """The reference engine fills it with zeros there."""
    found = link("https://h/414/6901234000016?01=6901234567892")
    assert (found.elements[1], told(found), told(found, Grade.NOTE)) == (GTIN, [], ["link_gtin_short"])


def test_names_are_read_with_a_warning() -> None:
    """As packs of before 2021 have them, also mixed with numbers; in the query they say nothing."""
    found = link("https://h/gtin/06901234567892/lot/L1/21/S1?exp=270630")
    assert found.elements == (GTIN, ("10", "L1"), ("21", "S1"))
    assert (told(found), told(found, Grade.WARNING)) == ([], ["link_names"])
    assert all(find(code) for code in NAMES.values())


def test_a_percent_that_encodes_nothing() -> None:
    """It is taken as it stands, as the reference engine does, and told."""
    found = link(f"{ITEM}/10/5%zz%4")
    assert (found.elements[1], told(found), told(found, Grade.NOTE)) == (("10", "5%zz%4"), [], ["link_percent"])


def test_what_is_right_is_told_too() -> None:
    """The check digit of the GTIN, for one."""
    assert "check_digit_right" in told(link(ITEM), Grade.PASSED)


@pytest.mark.parametrize(
    ("url", "biip_takes_it", "codes"),
    [
        ("HTTPS://EXAMPLE.CN/01/06901234567892", False, []),
        ("https://h/00/faux/00/069012345000000011", False, []),
        ("https://h/01/6901234567892", True, ["link_gtin_short"]),
        (f"{ITEM}?17=270630&17=270630", True, ["link_repeated"]),
        (f"{ITEM}?10=L", True, ["link_in_path"]),
        (f"{ITEM}?99=a&99=a", True, ["link_repeated"]),
        (f"{ITEM}?555=x", True, ["ai_unknown"]),
        (f"{ITEM}?17=", True, ["link_empty"]),
        (f"{ITEM}?7007=270630270701", False, []),
        (f"{ITEM}?7007=27063012", False, ["value_short"]),
        ("https://h/8003/06901234000017AB", True, ["check_digit_wrong"]),
        ("]Q1https://h/01/06901234567892", False, []),
        ("]d1https://h/01/06901234567892", False, []),
    ],
)
def test_where_biip_errs(url: str, biip_takes_it: bool, codes: list[str]) -> None:
    """Failings of biip 5.2 that were measured: upper case, the right-most key, laxness, the identifier in front."""
    scanned = payload(url, None)
    assert scanned
    assert told(link(scanned.text)) == codes
    assert biip_says(url) == biip_takes_it


def biip_says(url: str) -> bool:
    """Whether biip takes it for a Digital Link."""
    try:
        return biip.parse(url).gs1_digital_link_uri is not None
    except biip.ParseError:
        return False


@pytest.mark.parametrize(
    "url", [f"{ITEM}/10/L1/21/S%2F1?17=270630&3103=000500", "https://h/stem/00/069012345000000011?99=a%26b"]
)
def test_biip_agrees(url: str) -> None:
    """A peer with another author, on what both take."""
    peer = biip.parse(url).gs1_digital_link_uri
    assert peer
    assert link(url).elements == tuple((one.ai.ai, one.value) for one in peer.element_strings)


KEYS = {
    "01": ("06901234567892", "96901234567895"),
    "00": ("069012345000000011",),
    "414": ("6901234000016",),
    "8004": ("6901234T0001", "6901234/%+&"),
    "8006": ("069012345678920102",),
    "8010": ("6901234#1/2",),
}
TEXT = st.text(CHARACTERS["X"], min_size=1, max_size=20)
QUALIFIERS = {"7040": st.sampled_from(["1ABC", "0-_Z"]), "8011": st.just("12")}
ATTRIBUTES = {
    "01": {"17": st.just("270630"), "3103": st.just("000500"), "99": TEXT, "240": TEXT},
    "8006": {"11": st.just("260601"), "98": TEXT},
}


@st.composite
def right_links(draw: st.DrawFn) -> tuple[Elements, Elements]:
    """A key with some of its qualifiers, and attributes in any order."""
    key = draw(st.sampled_from(list(KEYS)))
    ai = find(key)
    assert ai and ai.primary
    qualifiers = [code for code in draw(st.sampled_from(ai.primary)) if (key, code) != ("8006", "22")]  # needs an 01
    path = [(code, draw(QUALIFIERS.get(code, TEXT))) for code in qualifiers if draw(st.booleans())]
    attributes = ATTRIBUTES.get(key, {"97": TEXT})
    query = [(code, draw(attributes[code])) for code in draw(st.lists(st.sampled_from(list(attributes)), unique=True))]
    return ((key, draw(st.sampled_from(KEYS[key]))), *path), tuple(query)


@given(right_links())
def test_what_is_written_is_read(parts: tuple[Elements, Elements]) -> None:
    """All of it arrives, and nothing is wrong with any."""
    path, query = parts
    found = link(gs1_uri(path) + "?" + "&".join(f"{ai}={segment(value)}" for ai, value in query))
    assert told(found) == []
    assert (found.elements, found.qualifiers) == (path + query, len(path) - 1)


ADDRESSES = st.lists(
    st.sampled_from(["/", "//", "01", "00", "21", "10", "8004", "gtin", "lot", "06901234567892", "%", "%2F", "?", "&", "=", "#",
                     "99", "17", "+", "eh30", "ex", "AQnYUc1gmp", "@", ":", "é", "\ud800", "\x00", "x"]),
    max_size=12,
).map("".join)  # fmt: skip


@given(st.one_of(st.text(), st.text().map(ITEM.__add__), ADDRESSES.map("https://h/".__add__)))
def test_any_text_has_an_answer(text: str) -> None:
    """A link, right or wrong, or none; the key and qualifiers of what is right are read alike from their canonical form."""
    found = parse(text)
    if found and found.elements and not told(found):
        path = found.elements[: 1 + found.qualifiers]
        assert link(gs1_uri(path)).elements == path


@pytest.mark.parametrize(
    "url", [f"{ITEM}/10/\ud800", f"{ITEM}/10/%41\ud800", f"{ITEM}?99=%41+\udfff", f"{ITEM}#\ud800"]
)
def test_half_a_character(url: str) -> None:
    """A lone surrogate, as a broken decoder leaves it, is told."""
    assert told(link(url))[0] == "link_characters"
