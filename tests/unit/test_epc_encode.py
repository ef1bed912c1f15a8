"""Round trips through every scheme and every format of a value; what is not for a tag is not written."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from traceability.epc import classic, hostname, keys, letters, plus
from traceability.epc.bits import Bits, NotWritable, Written
from traceability.epc.decode import decode
from traceability.epc.encode import encode, encode_urn
from traceability.epc.formats import Part, formats, read, write
from traceability.epc.urn import of_elements, parse
from traceability.finding import Verdict, verdict
from traceability.gs1.table import table

CHARACTERS = st.sampled_from(sorted(letters.SET_82))
DIGITS = string.digits


def numbers(digits: int, least: int | None = None) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=digits if least is None else least, max_size=digits)


def no_leading_zero(below: int) -> st.SearchStrategy[str]:
    return st.integers(0, below - 1).map(str)


SIX = string.ascii_uppercase + DIGITS + "-/"
CAGE = st.text("0123456789ABCDEFGHJKLMNPQRSTUVWXYZ", min_size=5, max_size=6)


def field(data: st.DataObject, one: classic.Field) -> tuple[str, ...]:
    """Parts that the field has room for."""
    draws = {
        "i": lambda: no_leading_zero(2**one.bits),
        "t": lambda: st.text(CHARACTERS, min_size=1, max_size=one.bits // 7),
        "0": lambda: numbers(one.most, 1),
        "2": lambda: numbers(2),
        "6": lambda: st.text(SIX, max_size=one.most),
        "#": lambda: st.text(SIX, min_size=1, max_size=one.most - 1).flatmap(lambda t: st.sampled_from([t, "#" + t])),
        "g": lambda: CAGE,
        "G": lambda: CAGE,
    }
    if one.kind == "-":
        return ()
    if one.kind in draws:
        return (data.draw(draws[one.kind]()),)
    prefix = data.draw(st.integers(6, 12).flatmap(numbers))
    most = one.most - len(prefix)
    left = one.bits - (40, 37, 34, 30, 27, 24, 20)[12 - len(prefix)]
    rest = {
        "d": lambda: numbers(most),
        "u": lambda: no_leading_zero(min(10**most, 2**left)),
        "s": lambda: st.text(CHARACTERS, min_size=1, max_size=most),
        "x": lambda: st.text(SIX + "#", min_size=1, max_size=most),
    }
    return prefix, data.draw(rest[one.kind]())


@given(st.data(), st.sampled_from(sorted(classic.SCHEMES)), st.integers(0, 7))
def test_each_scheme_before_tds_2(data: st.DataObject, name: str, filter_value: int) -> None:
    scheme = classic.SCHEMES[name]
    parts = sum((field(data, one) for one in scheme.fields), ())
    out = Written()
    out.add(scheme.header, 8)
    out.add(filter_value if scheme.filter_bits else 0, scheme.filter_bits)
    classic.write(out, scheme, parts)
    found = decode(bytes.fromhex(out.hex()))
    assert found.scheme == name
    assert found.filter == (filter_value if scheme.filter_bits else None)
    assert found.uri is not None
    read_again = parse(found.uri)
    assert read_again is not None
    assert (read_again.parts, read_again.elements, read_again.fields) == (parts, found.elements, found.fields)
    assert read_again.uri == found.uri
    assert len(out.hex()) * 4 == -(-out.length // 16) * 16
    assert found.tag_uri is not None
    if verdict(found.findings) is Verdict.VALID:
        assert encode_urn(found.tag_uri) == out.hex()
        if found.elements:
            assert of_elements(found.elements, len(parts[0])) == found.uri


def value(data: st.DataObject, part: Part) -> str:
    date = st.dates().map(lambda day: day.strftime("%y%m%d"))
    clock = st.times().map(lambda time: time.strftime("%H%M%S"))
    return str(
        data.draw(
            {
                "n": lambda: numbers(part.first),
                "i": lambda: numbers(part.first),
                "a": lambda: st.text(CHARACTERS, max_size=part.most),
                "v": lambda: numbers(part.most, 0),
                "t": lambda: st.tuples(numbers(10, 1), st.text(CHARACTERS, max_size=20)).map("".join),
                "d": lambda: date,
                "h": lambda: st.tuples(date, clock.map(lambda text: text[:4])).map("".join),
                "r": lambda: date | st.tuples(date, date).map("".join),
                "p": lambda: st.tuples(date, st.sampled_from([0, 2, 4, 6]), clock).map(lambda t: t[0] + t[2][: t[1]]),
                "c": lambda: st.text(string.ascii_uppercase, min_size=2, max_size=2),
                "b": lambda: st.sampled_from("01"),
                "m": lambda: st.sampled_from(["", "-"]),
                "s": lambda: st.tuples(numbers(1), numbers(1)).map("/".join),
            }[part.kind]()
        )
    )


@given(st.data(), st.sampled_from(sorted(set(formats().values()))))
def test_each_format_of_a_value(data: st.DataObject, parts: tuple[Part, ...]) -> None:
    text = "".join(value(data, part) for part in parts)
    out = Written()
    write(out, parts, text)
    bits = Bits(bytes.fromhex(out.hex()))
    assert read(bits, parts) == text
    assert bits.total - bits.left == out.length


@pytest.mark.parametrize(
    ("text", "indicator", "bits"),
    [
        ("0042", 0, 14),  # leading zeros are kept by the length
        ("00A2", 1, 16),
        ("00a2", 2, 16),
        ("Ab-_", 3, 24),
        ("32a/b", 4, 35),
        ("ABC:XYZ", 5, 48),
        ("GHIJK", 3, 30),  # URN Code 40 would need 32
        ("GHIJKL", 5, 32),
    ],
)
def test_text_is_written_in_the_fewest_bits(text: str, indicator: int, bits: int) -> None:
    out = Written()
    letters.write_alphanumeric(out, text, 5, 20)
    assert (out.length, int(out.hex()[0], 16) >> 1) == (8 + bits, indicator)


def test_the_table_knows_each_application_identifier_that_tds_gives_a_place_on_a_tag() -> None:
    not_for_tags = {"03", "8014"}
    newer_than_tds = {"3954", "3955", "717", "8040", "8041", "8042", "8043"}
    assert set(table()) - set(formats()) == not_for_tags | newer_than_tds
    assert set(formats()) <= set(table())


def test_on_a_tag_a_value_may_be_as_long_as_in_a_symbol() -> None:
    """But for (8007), whose row in table F is shorter."""
    counted = {ai: parts for ai, parts in formats().items() if {part.kind for part in parts} <= set("nia")}
    most = {ai: sum(part.most or part.first for part in parts) for ai, parts in counted.items()}
    assert {ai for ai in most if most[ai] != table()[ai].most} == {"8007"}


@pytest.mark.parametrize(
    ("elements", "form"),
    [
        ((("01", "09506000134353"), ("21", "1")), "+"),  # the peer repairs the check digit
        ((("01", "09506000134352"),), "+"),
        ((("01", "09506000134352"), ("10", "A")), "+"),
        ((("01", "09506000134352"), ("235", "A")), "+"),
        ((("8003", "09521141123454"),), "+"),
        ((("01", "09506000134352"), ("21", "1")), "dsgtin+"),
        ((("01", "09506000134352"), ("21", "1")), "sgtin++"),
        ((("01", "09506000134352"), ("21", "1")), "sgtin-96"),
        ((("01", "09506000134352"), ("21", "1")), "sscc+"),
        ((("01", "09506000134352"), ("21", "1")), "no such"),
        ((("8018", "952114100000000018"), ("8019", "1")), "+"),
        ((("10", "A"),), "+"),
        ((), "+"),
        ((("9999", "A"),), "+"),
    ],
)
def test_what_does_not_go_onto_a_tag(elements: tuple[tuple[str, str], ...], form: str) -> None:
    assert encode(elements, form) is None


@pytest.mark.parametrize(
    "urn",
    [
        "urn:epc:tag:sgtin-96:0.95060001343.05.0678",  # the peer writes 678
        f"urn:epc:tag:sgtin-96:0.95060001343.05.{2**38}",  # the peer writes 112 bits
        "urn:epc:tag:sgtin-96:0.95060001343.05.A",
        "urn:epc:tag:sgln-96:0.9521141.12345.A",
        "urn:epc:idpat:sgtin:95060001343.05.*",
        "urn:epc:id:pgln:9521141.12345",
        "https://id.gs1.org/01/09506000134352",
    ],
)
def test_what_does_not_go_onto_an_old_tag(urn: str) -> None:
    assert encode_urn(urn) is None


def test_other_reasons_not_to_write() -> None:
    sgtin = (("01", "09506000134352"), ("21", "1"))
    assert encode(sgtin, filter_value=8) is None
    assert encode(sgtin, aidc=(("03", "09506000134352"),)) is None


def test_a_bank_has_31_words() -> None:
    """The EPC has 84 bits, each element behind it 16 and 7 for each of these characters."""
    behind = (("10", "!" * 20), ("21", "!" * 20))
    full = encode((("00", "095201234567891235"),), aidc=(*behind, ("22", "!" * 12)))
    assert full is not None
    assert decode(bytes.fromhex(full), 0xF800).aidc == (*behind, ("22", "!" * 12))
    assert len(full) == 4 * 31
    assert encode((("00", "095201234567891235"),), aidc=(*behind, ("22", "!" * 13))) is None


def test_what_is_known_to_be_right_is_not_looked_at_again() -> None:
    wrong = (("01", "09506000134353"), ("21", "1"))
    assert encode(wrong) is None
    assert encode(wrong, checked=True) == "F7009506000134353011"


VALUES = st.text(st.characters() | st.characters(categories=["Cs"])) | st.integers(0, 200).map(
    lambda count: "1" * count
)


@given(st.lists(st.tuples(st.sampled_from(["01", "21", "10", "8004", "8019", "17"]), VALUES), max_size=4).map(tuple))
@example((("8004", "1" * 5000),))
@example((("01", "09506000134352"), ("21", "1" * 5000)))
def test_any_elements_have_an_answer(elements: tuple[tuple[str, str], ...]) -> None:
    for form in ("+", "sgtin++", "dsgtin+"):
        epc = encode(elements, form, checked=True, hostname="a.cn", aidc=elements)
        assert epc is None or len(epc) <= 4 * 31
    uri = of_elements(elements, 7)
    assert uri is None or uri.startswith("urn:epc:")


def test_the_shortest_scheme_that_has_room() -> None:
    for serial, scheme in (("1", "sgtin-96"), ("01", "sgtin-198"), ("a", "sgtin-198")):
        written = encode_urn(f"urn:epc:id:sgtin:95060001343.05.{serial}")
        assert written is not None
        assert decode(bytes.fromhex(written)).scheme == scheme


HOSTS = st.text(string.ascii_lowercase + DIGITS + "-", min_size=1, max_size=20)
ENDS = st.sampled_from([".com", ".cn", ".com.cn", ".org.cn", ".net.cn", ".gov.cn", ".co.uk", ".tech", ".zw", ".ac", ""])


@given(st.sampled_from(["", "id.", "www.", "qr.", "shop.id."]), HOSTS, ENDS, st.booleans())
def test_host_names(front: str, middle: str, end: str, upper: bool) -> None:
    name = front + middle + end
    name = name.upper() if upper else name
    written = encode((("00", "095201234567891235"),), "sscc++", hostname=name)
    assert written is not None
    found = decode(bytes.fromhex(written))
    assert (found.scheme, found.fields) == ("sscc++", {"hostname": name})


@pytest.mark.parametrize(
    ("name", "bits"),
    [("trace.example.cn", 7 + 7 * 15), ("id.example.com.cn", 7 + 7 * 10), ("SHOP.CN", 7 + 48), ("a.co", 7 + 21)],
)
def test_frequent_parts_of_host_names_are_short(name: str, bits: int) -> None:
    out = Written()
    hostname.write(out, name)
    assert out.length == bits


@pytest.mark.parametrize("name", ["", "a" * 64, "例子.cn"])
def test_no_host_name(name: str) -> None:
    with pytest.raises(NotWritable):
        hostname.write(Written(), name)


ELEMENTS = {
    "cpi": (("8010", "95211413PQ7/Z43"), ("8011", "12")),
    "grai": (("8003", "095211411234540A"),),
    "sgln": (("414", "9521141123454"), ("254", "dock-7")),
    "itip": (("8006", "095211411234540102"), ("21", "77")),
    "gsrn": (("8018", "952114100000000018"),),
    "gsrnp": (("8017", "952114100000000018"),),
    "gdti": (("253", "9521141123454X-1"),),
    "sgtin": (("01", "79521141123453"), ("21", "0A:B")),
    "sgcn": (("255", "9521141123454007"),),
    "sscc": (("00", "095201234567891235"),),
    "giai": (("8004", "9521141PUMP-3"),),
    "dsgtin": (("01", "79521141123453"), ("21", "x"), ("15", "261130")),
}


@pytest.mark.parametrize("scheme", plus.SCHEMES.values(), ids=lambda scheme: scheme.name)
def test_each_scheme_of_tds_2_with_elements_behind_it(scheme: plus.Scheme) -> None:
    elements = ELEMENTS[scheme.name.rstrip("+")]
    host = "id.example.cn" if scheme.host else ""
    behind = (("3103", "012500"), ("4330", "001850-"), ("7007", "261101261130"))
    written = encode(elements, scheme.name, filter_value=5, hostname=host, aidc=behind)
    assert written is not None
    assert int(written[:2], 16) == scheme.header
    found = decode(bytes.fromhex(written))
    assert (found.scheme, found.elements, found.aidc) == (scheme.name, elements, behind)
    assert (found.filter, found.fields.get("hostname", "")) == (5, host)
    assert verdict(found.findings) is Verdict.VALID


def test_the_headers_are_those_of_the_standard() -> None:
    old = {scheme.header for scheme in classic.SCHEMES.values()}
    assert old == set(range(0x2C, 0x42))
    assert {scheme.header for scheme in plus.SCHEMES.values()} == set(range(0xE6, 0xFE))
    assert {scheme.key.name for scheme in classic.SCHEMES.values()} <= set(keys.KEYS)
