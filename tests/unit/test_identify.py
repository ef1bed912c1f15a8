"""From any scan to one identity: the whole way, with the table that ships."""

import json
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.codes import table
from traceability import identify
from traceability.epc.encode import encode
from traceability.finding import Verdict
from traceability.gs1.elements import GS, write
from traceability.identity import Elements, gs1_uri
from traceability.ranking import Answer
from traceability.schemes.table import Table

YEAR = 2026
GTIN = "06901234567892"
CLASS = f"https://id.gs1.org/01/{GTIN}"
AIMS = st.sampled_from(
    [
        None,
        "]C0",
        "]C1",
        "]d1",
        "]d2",
        "]E0",
        "]E3",
        "]E4",
        "]e0",
        "]I1",
        "]J0",
        "]J1",
        "]Q1",
        "]Q3",
        "]h1",
        "]L0",
        "rubbish",
    ]
)


@cache
def codes() -> Table:
    return table(None)


def scan(text: str | bytes, aim: str | None = None, readpoint: str | None = None) -> Answer:
    return identify.scan(text, aim, codes(), readpoint, YEAR)


def uri(answer: Answer) -> str | None:
    return answer.best.identity.uri if answer.best and answer.best.identity else None


serials = st.text("ABCXYZabcxyz0123456789-_./!\"%&'()*+,:;<=>?", min_size=1, max_size=20)
gtins = st.integers(0, 10**12 - 1).map(lambda number: _checked(f"0{number:012}"))


def _checked(digits: str) -> str:
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(digits)))
    return f"{digits}{-total % 10}"


@given(gtins, serials, serials)
def test_one_item_is_one_identity_whatever_carries_it(gtin: str, lot: str, serial: str) -> None:
    """Element string, brackets, Digital Link on any host, canonical link, tag: the same URI; the levels stand beside it."""
    elements = (("01", gtin), ("10", lot), ("21", serial))
    link = gs1_uri(elements)
    whole = [
        scan(write(elements), "]d2"),
        scan(write(elements), "]C1"),
        scan(link.replace("id.gs1.org", "x.example/a/b"), "]Q1"),
    ]
    wanted = gs1_uri((("01", gtin), ("21", serial)))
    for answer in whole:
        assert answer.verdict in (Verdict.VALID, Verdict.WARNING)  # a warning where a separator seems lost
        assert answer.best and answer.best.identity
        assert uri(answer) == wanted
        assert answer.best.identity.class_uri == gs1_uri([("01", gtin)])
        assert answer.best.identity.lot_uri == gs1_uri((("01", gtin), ("10", lot)))
    epc = encode((("01", gtin), ("21", serial)))
    assert epc == whole[0].best.epc if whole[0].best else False
    tag = identify.tag(epc or "", None, codes(), None, YEAR)
    assert (tag.verdict, uri(tag)) == (Verdict.VALID, wanted)
    assert (uri(scan(wanted)), scan(wanted).verdict) == (wanted, Verdict.VALID)  # the canonical form is a fixed point


@given(
    st.text(max_size=60) | st.text("0123456789\x1d()|]{}%/?.:ABab", max_size=60),
    AIMS,
    st.sampled_from([None, "x", "market_gate", "pharmacy"]),
)
@example("https://id.gs1.org/01/" + GTIN, "]Q1", None)
@example("]C1", None, None)
@example("²" * 13, "]E0", None)
@example("٠" * 20, None, None)
@example("\ud800" * 20, None, None)
def test_any_text_has_an_answer(text: str, aim: str | None, readpoint: str | None) -> None:
    """Its canonical URI, where it has one, is read as itself; an invalid code has none."""
    answer = scan(text, aim, readpoint)
    found = uri(answer)
    if answer.verdict is Verdict.INVALID:
        assert found is None
    if found and found.startswith("https://id.gs1.org/"):
        assert uri(scan(found)) == found
    json.dumps([[*candidate.elements, dict(candidate.fields)] for candidate in answer.candidates])


@given(
    st.binary(max_size=40)
    | st.integers(0, 255).flatmap(
        lambda head: st.binary(min_size=11, max_size=24).map(lambda rest: bytes([head]) + rest)
    ),
    st.none() | st.integers(0, 0xFFFF),
)
def test_any_tag_has_an_answer(bank: bytes, pc: int | None) -> None:
    """And one identity for each tag that can be told from others."""
    answer = identify.tag(bank.hex(), None if pc is None else f"{pc:04x}", codes(), None, YEAR)
    found = uri(answer)
    assert answer.best is not None
    if found:  # the identity of any tag is read as itself: also of somebody's own
        assert uri(scan(found)) == found


@pytest.mark.parametrize(
    ("text", "aim", "verdict", "best"),
    [
        ("6901234567892", "]E0", "valid", CLASS),
        ("06901234567892", "]I1", "valid", CLASS),
        ("6901234567893", "]E0", "invalid", None),
        (f"01{GTIN}10L1{GS}21S1", "]C1", "valid", f"{CLASS}/21/S1"),
        (f"]C101{GTIN}10L1\r\n", None, "valid", f"{CLASS}/10/L1"),
        (f"HTTPS://EXAMPLE.CN/01/{GTIN}/21/S1", "]Q1", "valid", f"{CLASS}/21/S1"),
        ("https://example.cn/t?c=8f3a19", "]Q1", "unknown", None),
        ("81000010000000012345", "]C0", "valid", "https://ns.example.cn/drug/81000010000000012345"),
        ("urn:epc:id:sgtin:6901234.056789.S1", None, "valid", "https://id.gs1.org/01/06901234567892/21/S1"),
        (
            "urn:epc:raw:96.x3066C4409047E140075BCD15",
            None,
            "valid",
            "https://id.gs1.org/01/09506000134352/21/123456789",
        ),
        (
            "urn:epc:raw:96.xA1.x3066C4409047E140075BCD15",
            None,
            "unknown",
            "urn:epc:raw:96.xA1.x3066C4409047E140075BCD15",
        ),
        ("urn:epc:id:gid:12.34.56", None, "valid", "urn:epc:id:gid:12.34.56"),
        ("12345678901234567", None, "unknown", None),
        ("hello", "]Q1", "unknown", None),
        ("", None, "unknown", None),
        ("", "]C1", "invalid", None),
    ],
)
def test_what_a_scan_is(text: str, aim: str | None, verdict: str, best: str | None) -> None:
    answer = scan(text, aim)
    assert (answer.verdict, uri(answer)) == (verdict, best)


@pytest.mark.parametrize("text", ["3066C4409047E140075BCD15", "e28011606000020954321234"])
def test_a_tag_that_came_as_text_is_told(text: str) -> None:
    """A reader that types what it reads, or a person: how to ask is told."""
    assert [finding.code for finding in scan(text).findings] == ["tag_as_text"]


def test_a_code_that_stands_twice_is_told() -> None:
    """Two codes in one burst: the scanner has no suffix."""
    assert [finding.code for finding in scan("6901234567892" * 2).findings] == ["two_codes"]


@pytest.mark.parametrize(
    ("epc", "verdict", "best"),
    [
        ("3066C4409047E140075BCD15", "valid", "https://id.gs1.org/01/09506000134352/21/123456789"),
        ("E28011606000020954321234", "invalid", None),
        ("0" * 24, "invalid", None),
        ("AA1122334455667788990011", "unknown", "urn:epc:raw:96.xAA1122334455667788990011"),
        ("not hex", "invalid", None),
    ],
)
def test_what_a_tag_is(epc: str, verdict: str, best: str | None) -> None:
    """One of somebody's own has the name of its bits; what is no EPC at all is refused."""
    answer = identify.tag(epc, None, codes(), None, YEAR)
    assert answer.verdict == verdict
    assert uri(answer) == best


@pytest.mark.parametrize(
    ("epc", "verdict", "best"),
    [
        ("F7B795211411234530110106901234567892", "invalid", None),  # another GTIN behind the EPC
        ("F7B7952114112345301121012000", "invalid", None),  # another serial number
        ("F7B795211411234530114222710989C0", "invalid", None),  # 422 beside 426
        ("F9809520123456789123500106141412345678908000", "invalid", None),
        (
            "F7B7952114112345301100095201234567891235",
            "valid",
            "https://id.gs1.org/01/79521141123453/21/1",
        ),  # with an SSCC
    ],
)
def test_what_stands_behind_an_epc_is_no_part_of_what_it_is(epc: str, verdict: str, best: str | None) -> None:
    """It is judged with it, as all elements of an item are."""
    for answer in (identify.tag(epc, None, codes(), None, YEAR), scan(f"https://id.gs1.org/eh{epc.lower()}")):
        assert (answer.verdict, uri(answer)) == (verdict, best)


def test_what_a_link_says_beside_its_key_is_no_part_of_it() -> None:
    """Though it has a key of its own."""
    assert uri(scan(f"https://a.example/01/{GTIN}?00=069012345000000011")) == CLASS


def test_a_place_has_one_name() -> None:
    """An extension of 0 is none, as in tags."""
    places = [
        scan("41495211411234542540", "]C1"),
        scan("urn:epc:id:sgln:9521141.12345.0"),
        scan("4149521141123454", "]C1"),
    ]
    places.append(identify.tag("F2395211411234540100", None, codes(), None, YEAR))
    assert {uri(place) for place in places} == {"https://id.gs1.org/414/9521141123454"}


@pytest.mark.parametrize(
    "elements",
    [
        (("00", "069012345000000011"),),
        (("01", GTIN), ("21", "S/1")),
        (("01", GTIN), ("10", "L1")),
        (("253", "6901234567892AB"),),
        (("255", "690123456789212"),),
        (("401", "6901234AB"),),
        (("402", _checked("0690123456789012")),),
        (("414", "6901234567892"),),
        (("414", "6901234567892"), ("254", "D1")),
        (("8003", "06901234567892AB"),),
        (("8004", "6901234AB"),),
        (("8006", f"{GTIN}0102"), ("21", "7")),
        (("8010", "6901234AB"), ("8011", "12")),
        (("8010", "9521141A#B"), ("8011", "12")),
        (("8018", _checked("69012345678900000")),),
        (("8018", _checked("69012345678900000")), ("8019", "1")),
    ],
)
def test_the_epc_that_is_told_is_that_of_the_item(elements: Elements) -> None:
    """Or none is: of a lot, of a place that no tag names so finely."""
    answer = scan(write(elements), "]d2")
    assert answer.best
    assert answer.verdict is Verdict.VALID
    if epc := answer.best.epc:
        assert uri(identify.tag(epc, None, codes(), None, YEAR)) == uri(answer)
        assert uri(scan(f"https://id.gs1.org/eh{epc.lower()}")) == uri(answer)
    assert bool(answer.best.epc) == (elements[-1][0] not in ("10", "401", "402", "8019"))


@pytest.mark.parametrize(
    "text",
    [
        "urn:epc:tag:sgtin-96:3.4012345.012345.ABC",
        "urn:epc:tag:sgtin-96:3.4012345.012345.274877906944",
        "urn:epc:tag:sgln-96:3.0614141.12345.ABC",
        "urn:epc:tag:cpi-96:3.0614141.12.4294967296",
        "urn:epc:id:gid:268435456.1.1",
    ],
)
def test_a_tag_that_cannot_be_is_none(text: str) -> None:
    """Its scheme has no room for the number."""
    answer = scan(text)
    assert (answer.verdict, [f.code for f in answer.candidates[0].findings if f.grade == "failed"]) == (
        "invalid",
        ["urn_capacity"],
    )


@pytest.mark.parametrize("aim", ["]C1", "]d2", "]Q3", "]J1", "]E0", "]E4"])
def test_a_symbol_of_gs1_holds_no_address(aim: str) -> None:
    """Digital Links stand in plain QR and Data Matrix."""
    assert scan(f"https://a.example/01/{GTIN}", aim).verdict is Verdict.INVALID


@pytest.mark.parametrize("readpoint", [None, "market_gate", "cold_store", "licence_desk"])
def test_a_tag_that_is_refused_is_refused_everywhere(readpoint: str | None) -> None:
    """Its symbol, so to say, is the tag."""
    for epc in ("E28011606000020954321234", "0" * 24, "3074257BF7194E4000001A85"[:2] + "FC" + "0" * 20):
        assert identify.tag(epc, None, codes(), readpoint, YEAR).verdict is Verdict.INVALID


def test_bytes_that_are_no_text_are_told() -> None:
    """As they come from a scanner, or through JSON; a seed label of four lines too, which is quoted in its URI."""
    for scanned in (b"6901234567892\xff", "a\nb\n\ud800\nhttp://x", "10\ud800"):
        answer = scan(scanned, "]Q1")
        assert (answer.verdict, [finding.code for finding in answer.findings]) == ("invalid", ["not_text"])
    assert uri(scan(b"6901234567892", "]E0")) == CLASS


def test_a_number_with_one_right_digit_by_chance_is_what_the_door_expects() -> None:
    """A code of 24 digits that can be read as elements of GS1, too, is no element string."""
    answer = scan("202601152212907058089277", "]Q1", "farm_inputs")
    assert answer.best
    assert (answer.verdict, answer.best.scheme) == ("valid", "cn.vet_drug")
    assert scan("202601152212907058089277", None).best is None


def test_a_lenient_place_does_not_say_whose_a_wrong_number_is() -> None:
    """What stands beside it may be forgiven; the number itself is told with a warning and without an identity."""
    gate = codes().readpoints["market_gate"]
    lenient = gate._replace(lenient=gate.lenient | {"check_digit_wrong"})
    table_ = codes()
    before, table_.readpoints["market_gate"] = gate, lenient
    try:
        wrong = scan("0106901234567893", "]C1", "market_gate")
        alone = scan("10L1", "]C1", "market_gate")
    finally:
        table_.readpoints["market_gate"] = before
    assert (wrong.verdict, uri(wrong)) == ("warning", None)
    assert alone.verdict == "warning"


@pytest.mark.parametrize(
    "text", ["urn:epc:idpat:giai:0614141.*", "urn:epc:idpat:sgtin:*.*.*", "urn:epc:idpat:gid:*.*.*"]
)
def test_a_pattern_is_no_item(text: str) -> None:
    """It is counted as none, and no tag holds it."""
    answer = scan(text)
    assert answer.best
    assert answer.best.identity
    assert (answer.best.identity.level, answer.best.epc) == ("class", None)
