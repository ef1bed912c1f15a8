"""URNs of EPCs and the GS1 elements that say the same; epcpy as a peer."""

import string

import pytest
from epcpy.epc_schemes.sgtin import SGTIN, SGTINFilterValue
from epcpy.utils.parsers import hex_to_tag_encodable
from hypothesis import given
from hypothesis import strategies as st

from traceability.epc import letters, urn
from traceability.epc.decode import decode
from traceability.epc.encode import encode_urn
from traceability.finding import Grade, Verdict, verdict
from traceability.identity import Elements

PAIRS: dict[str, Elements] = {
    "urn:epc:id:sgtin:6901234.056789.A%2F1": (("01", "06901234567892"), ("21", "A/1")),
    "urn:epc:id:sgtin:6901234.056789.%22%25%3C%3E%3F": (("01", "06901234567892"), ("21", '"%<>?')),
    "urn:epc:id:sgtin:690123456789.0.7": (("01", "06901234567892"), ("21", "7")),
    "urn:epc:id:upui:6901234.056789.a%26b": (("01", "06901234567892"), ("235", "a&b")),
    "urn:epc:class:lgtin:6901234.056789.L.7": (("01", "06901234567892"), ("10", "L.7")),
    "urn:epc:idpat:sgtin:6901234.056789.*": (("01", "06901234567892"),),
    "urn:epc:id:itip:9521141.012345.01.02.987": (("8006", "095211411234540102"), ("21", "987")),
    "urn:epc:idpat:itip:9521141.012345.01.02.*": (("8006", "095211411234540102"),),
    "urn:epc:id:sscc:6901234.0500000001": (("00", "069012345000000011"),),
    "urn:epc:id:sgln:9521141.12345.5678": (("414", "9521141123454"), ("254", "5678")),
    "urn:epc:id:sgln:9521141.12345.0": (("414", "9521141123454"),),
    "urn:epc:id:sgln:952114112345..0": (("414", "9521141123454"),),
    "urn:epc:id:pgln:9521141.12345": (("417", "9521141123454"),),
    "urn:epc:id:grai:9521141.12345.5678": (("8003", "095211411234545678"),),
    "urn:epc:idpat:grai:9521141.12345.*": (("8003", "09521141123454"),),
    "urn:epc:id:giai:9521141.a.b%2Fc": (("8004", "9521141a.b/c"),),
    "urn:epc:id:gsrn:9521141.0000000001": (("8018", "952114100000000018"),),
    "urn:epc:id:gsrnp:9521141.0000000001": (("8017", "952114100000000018"),),
    "urn:epc:id:gdti:9521141.12345.D-1": (("253", "9521141123454D-1"),),
    "urn:epc:idpat:gdti:9521141.12345.*": (("253", "9521141123454"),),
    "urn:epc:id:sgcn:9521141.12345.007": (("255", "9521141123454007"),),
    "urn:epc:id:cpi:9521141.3PQ7%2FZ43.12": (("8010", "95211413PQ7/Z43"), ("8011", "12")),
    "urn:epc:idpat:cpi:9521141.%2312.*": (("8010", "9521141#12"),),
    "urn:epc:id:ginc:9521141.ship-7": (("401", "9521141ship-7"),),
    "urn:epc:id:gsin:9521141.123456789": (("402", "95211411234567892"),),
}


@pytest.mark.parametrize("text", PAIRS)
def test_each_scheme_with_a_key_of_gs1_in_both_directions(text: str) -> None:
    found = urn.parse(text)
    assert found is not None
    assert (found.elements, found.findings, found.uri) == (PAIRS[text], (), text)
    assert urn.of_elements(PAIRS[text], len(found.parts[0] or "")) == text


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("urn:epc:id:gid:95100000.12345.400", {"manager": "95100000", "class": "12345", "serial": "400"}),
        ("urn:epc:id:usdod:2S194.12345678901", {"cage": "2S194", "serial": "12345678901"}),
        ("urn:epc:id:adi:2S194..%2312", {"cage": "2S194", "part": "", "serial": "#12"}),
        ("urn:epc:id:bic:CSQU3054383", {"container": "CSQU3054383"}),
        ("urn:epc:id:imovn:9176187", {"vessel": "9176187"}),
    ],
)
def test_schemes_without_a_key_have_named_parts(text: str, fields: dict[str, str]) -> None:
    found = urn.parse(text)
    assert found is not None
    assert (found.fields, found.elements, found.findings, found.uri) == (fields, (), (), text)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("urn:epc:id:sgtin:69012.05678901.7", "urn_prefix"),
        ("urn:epc:id:sgtin:6901234567890.0.7", "urn_prefix"),
        ("urn:epc:id:sgtin:6901234.05678.7", "urn_digits"),
        ("urn:epc:id:sgtin:6901234.056789", "urn_parts"),
        ("urn:epc:id:sgtin:6901234.056789.", "urn_part"),
        ("urn:epc:id:sgtin:6901234.05678x.7", "urn_part"),
        ("urn:epc:id:sgtin:6901234.*.7", "urn_part"),
        ("urn:epc:id:sgtin:6901234.056789.%2", "urn_part"),
        ("urn:epc:id:sgtin:6901234.056789.例", "urn_part"),
        ("urn:epc:id:sgtin:6901234.056789.123456789012345678901", "value_long"),
        ("urn:epc:id:sgtin:6901234.056789.a%20b", "not_set_82"),
        ("urn:epc:id:sgln:9521141.123456.0", "urn_digits"),
        ("urn:epc:id:cpi:9521141.ABC.07", "urn_part"),
        ("urn:epc:id:cpi:9521141.abc.7", "urn_part"),
        ("urn:epc:id:lgtin:6901234.056789.L", "urn_scheme"),
        ("urn:epc:class:sgtin:6901234.056789.L", "urn_scheme"),
        ("urn:epc:id:nosuch:1.2", "urn_scheme"),
        ("urn:epc:tag:sgtin-97:3.6901234.056789.7", "urn_scheme"),
        ("urn:epc:tag:sgtin-96:8.6901234.056789.7", "urn_filter"),
        ("urn:epc:tag:sgtin-96:6901234.056789.7", "urn_filter"),
        ("urn:epc:raw:96.x1G", "urn_part"),
        ("urn:epc:raw:8.x123", "epc_range"),
        (f"urn:epc:raw:96.{'9' * 400}", "epc_range"),
        (f"urn:epc:raw:96.{'9' * 5000}", "urn_long"),
        ("urn:epc:raw:96", "urn_part"),
        ("urn:epc:tag:[umi=1]:[umi=1]:sgtin-96:3.6901234.056789.7", "urn_scheme"),
        (f"urn:epc:tag:{'[umi=1]' * 11}:sgtin-96:3.6901234.056789.7", "urn_scheme"),
        (f"urn:epc:tag:{'[umi=1]' * 5000}:sgtin-96:3.6901234.056789.7", "urn_long"),
        ("urn:epc:tag:sgtin-96:3.0614141.8[umi=1]:12345.6789", "urn_part"),
        ("urn:epc:tag:sgtin-96:[umi=1]:3.6901234.056789.7", "urn_filter"),
        ("urn:epc:id:[umi=1]:sgtin:6901234.056789.7", "urn_scheme"),
        ("urn:epc:id:adi:2S194.1%232.3", "urn_part"),
        ("urn:epc:id:usdod:2SI94.1", "urn_part"),
    ],
)
def test_what_is_refused(text: str, code: str) -> None:
    found = urn.parse(text)
    assert found is not None
    assert [finding.code for finding in found.findings] == [code]
    assert verdict(found.findings) is Verdict.INVALID


def test_what_is_told_and_taken() -> None:
    raw = urn.parse("urn:epc:id:sgtin:6901234.056789.A/1")
    assert raw is not None
    assert (raw.uri, raw.findings[0].code) == ("urn:epc:id:sgtin:6901234.056789.A%2F1", "urn_unescaped")
    for text, code, grade in (
        ("urn:epc:id:bic:CSQU3054384", "urn_check_digit", Grade.WARNING),
        ("urn:epc:id:imovn:9176188", "urn_check_digit", Grade.WARNING),
        ("urn:epc:idpat:sgtin:6901234.*.*", "urn_pattern", Grade.NOTE),
    ):
        found = urn.parse(text)
        assert found is not None
        assert [(finding.code, finding.grade) for finding in found.findings] == [(code, grade)]


def test_other_forms() -> None:
    tag = urn.parse("urn:epc:tag:[att=x0A][umi=1]:sgtin-96:3.95060001343.05.123456789")
    assert tag is not None
    assert (tag.filter, tag.uri) == (3, "urn:epc:id:sgtin:95060001343.05.123456789")
    assert encode_urn("urn:epc:tag:sgtin-96:3.95060001343.05.123456789") == "3066C4409047E140075BCD15"
    for text, afi in (("16.xAB12", None), ("16.43794", None), ("[umi=1]:16.xA9.xAB12", "A9"), ("16.x9.xAB12", "09")):
        found = urn.parse(f"urn:epc:raw:{text}")
        assert found is not None
        assert (found.data, found.afi, found.findings) == (b"\xab\x12", afi, ())
    upper = urn.parse("URN:EPC:id:sscc:6901234.0500000001")
    assert upper is not None
    assert upper.uri == "urn:epc:id:sscc:6901234.0500000001"
    assert urn.parse("urn:oid:1.2.156") is None


def test_numbers_of_any_length_have_an_answer() -> None:
    assert encode_urn(f"urn:epc:id:gid:1.2.{'9' * 5000}") is None


def test_elements_without_a_urn() -> None:
    gtin = ("01", "06901234567892")
    assert urn.of_elements((("10", "A"),), 7) is None
    assert urn.of_elements((gtin,), 5) is None
    assert urn.of_elements((("01", "06901234"),), 7) is None
    assert urn.of_elements((("01", "06901234567893"), ("21", "7")), 7) is None  # not the one with the right check digit
    assert urn.of_elements((gtin, ("10", "L"), ("21", "7")), 7) == "urn:epc:id:sgtin:6901234.056789.7"


def test_a_star_is_a_serial_number_too() -> None:
    elements = (("01", "06901234567892"), ("21", "*"))
    assert urn.of_elements(elements, 7) == "urn:epc:id:sgtin:6901234.056789.*"
    found = urn.parse("urn:epc:id:sgtin:6901234.056789.*")
    assert found is not None
    assert found.elements == elements


SERIALS = st.text(st.sampled_from(sorted(letters.SET_82)), min_size=1, max_size=20)


@given(SERIALS, st.integers(6, 12))
def test_any_serial_number_comes_back_from_its_urn(serial: str, prefix_length: int) -> None:
    elements = (("01", "06901234567892"), ("21", serial))
    text = urn.of_elements(elements, prefix_length)
    assert text is not None
    found = urn.parse(text)
    assert found is not None
    assert (found.elements, found.uri) == (elements, text)


@given(
    st.text(st.characters() | st.characters(categories=["Cs"]) | st.sampled_from("%.*:[]x0"), max_size=40),
    st.sampled_from(["", "urn:epc:", "urn:epc:id:sgtin:", "urn:epc:tag:", "urn:epc:raw:96.", "urn:epc:tag:gid-96:"]),
)
def test_any_text_has_an_answer(text: str, front: str) -> None:
    found = urn.parse(front + text)
    assert found is None or found.form
    assert encode_urn(front + text) is None or found


@given(
    st.sampled_from(["urn:epc:id:sgtin:9521141.012345.", "urn:epc:id:grai:9521141.12345."]), st.integers(0, 2**38 - 1)
)
def test_the_peer_reads_what_we_write(front: str, serial: int) -> None:
    written = encode_urn(f"{front}{serial}")
    assert written is not None
    assert hex_to_tag_encodable(written).epc_uri == f"{front}{serial}" == decode(bytes.fromhex(written)).uri


@given(st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=20))
def test_the_peer_reads_text_that_we_write(serial: str) -> None:
    written = encode_urn(f"urn:epc:tag:sgtin-198:0.9521141.012345.{serial}")
    assert written is not None
    assert hex_to_tag_encodable(written).epc_uri == f"urn:epc:id:sgtin:9521141.012345.{serial}"


def test_what_the_peer_gets_wrong() -> None:
    too_big = f"urn:epc:id:sgtin:9521141.012345.{2**38}"
    peer = SGTIN(too_big).hex(
        binary_coding_scheme=SGTIN.BinaryCodingScheme.SGTIN_96, filter_value=SGTINFilterValue.ALL_OTHERS
    )
    assert len(peer) != 24
    assert encode_urn(f"urn:epc:tag:sgtin-96:0.9521141.012345.{2**38}") is None
    # the reserved end of an SSCC-96 is not zero: the peer does not look
    assert hex_to_tag_encodable("311BA1B300CE0A6A83000001").epc_uri == "urn:epc:id:sscc:952012.03456789123"
    assert [finding.code for finding in decode(bytes.fromhex("311BA1B300CE0A6A83000001")).findings] == ["epc_padding"]
