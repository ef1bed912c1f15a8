"""What tags say: the examples of TDS 2.3 that the reference names, layouts by hand, and all that must be refused."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from traceability.epc import urn
from traceability.epc.decode import decode, from_hex
from traceability.epc.encode import encode, encode_urn
from traceability.finding import Grade, Verdict, verdict


def bits(*fields: str | tuple[int, int]) -> bytes:
    """Bits as written, or (value, width); zeros up to the next word."""
    text = "".join(field.replace(" ", "") if isinstance(field, str) else f"{field[0]:0{field[1]}b}" for field in fields)
    text += "0" * (-len(text) % 16)
    return int(text, 2).to_bytes(len(text) // 8)


def codes(data: bytes, pc: int | None = None) -> list[str]:
    return [finding.code for finding in decode(data, pc).findings if finding.grade is not Grade.PASSED]


EXAMPLES = {
    "3066C4409047E140075BCD15": ("sgtin-96", (("01", "09506000134352"), ("21", "123456789"))),
    "F73795211411234538566CB0AFC4": ("sgtin+", (("01", "79521141123453"), ("21", "32a/b"))),
    "FB342CDE795211411234538566CB0AFC4": ("dsgtin+", (("01", "79521141123453"), ("21", "32a/b"), ("17", "220630"))),
    "311BA1B300CE0A6A83000000": ("sscc-96", (("00", "095201234567891235"),)),
    "F90095201234567891235": ("sscc+", (("00", "095201234567891235"),)),
    "3276451FD46072000000162E": ("sgln-96", (("414", "9521141123454"), ("254", "5678"))),
    "F2395211411234548566CB0AFC4": ("sgln+", (("414", "9521141123454"), ("254", "32a/b"))),
    "3376451FD40C0E400000162E": ("grai-96", (("8003", "095211411234545678"),)),
    "F13095211411234548566CB0AFC4": ("grai+", (("8003", "0952114112345432a/b"),)),
    "3476451FD40000000000162E": ("giai-96", (("8004", "95211415678"),)),
    "FA3952114132E83C2BF10": ("giai+", (("8004", "952114132a/b"),)),
}


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_of_the_standard_are_read_and_written(text: str) -> None:
    data = from_hex(text)
    assert data is not None
    decoded = decode(data)
    scheme, elements = EXAMPLES[text]
    assert (decoded.scheme, decoded.elements, verdict(decoded.findings)) == (scheme, elements, Verdict.VALID)
    assert decoded.filter == (0 if scheme.startswith("sscc") else 3)
    written = encode_urn(decoded.tag_uri) if decoded.tag_uri else encode(elements, scheme, filter_value=decoded.filter)
    assert written is not None
    assert written.rstrip("0") == text.rstrip("0")
    assert len(written) % 4 == 0


def test_a_tag_of_old_scheme_has_the_urns_of_both_kinds() -> None:
    decoded = decode(bytes.fromhex("3066C4409047E140075BCD15"))
    assert decoded.uri == "urn:epc:id:sgtin:95060001343.05.123456789"
    assert decoded.tag_uri == "urn:epc:tag:sgtin-96:3.95060001343.05.123456789"
    assert decoded.raw == "urn:epc:raw:96.x3066C4409047E140075BCD15"


def test_a_location_without_extension_is_the_location() -> None:
    elements = (("414", "9521141123454"),)
    old = [encode_urn(f"urn:epc:tag:{scheme}:0.9521141.12345.0") for scheme in ("sgln-96", "sgln-195")]
    for written in (encode(elements), *old):
        assert written is not None
        assert decode(bytes.fromhex(written)).elements == elements


def test_schemes_without_key_have_named_parts() -> None:
    gid = decode(bits("00110101", (95100000, 28), (12345, 24), (400, 36)))
    assert (gid.uri, gid.fields) == (
        "urn:epc:id:gid:95100000.12345.400",
        {"manager": "95100000", "class": "12345", "serial": "400"},
    )
    cage = "".join(f"{ord(char):08b}" for char in " 2S194")
    dod = decode(bits("00101111 0001", cage, (12345678901, 36)))
    assert (dod.uri, dod.filter) == ("urn:epc:id:usdod:2S194.12345678901", 1)


def test_the_aerospace_example_that_the_peer_fails_at() -> None:
    six = "".join(f"{ord(char) & 63:06b}" for char in "W81X9C")
    part = "".join(f"{ord(char) & 63:06b}" for char in "3KL984PX1")
    serial = "".join(f"{ord(char) & 63:06b}" for char in "2WMA52")
    adi = decode(bits("00111011 000011", six, part, "000000", serial, "000000"))
    assert adi.uri == "urn:epc:id:adi:W81X9C.3KL984PX1.2WMA52"
    assert encode_urn("urn:epc:tag:adi-var:3.W81X9C.3KL984PX1.2WMA52") == adi.hex
    # the # that says that the part had no serial number before
    assert encode_urn("urn:epc:tag:adi-var:3.2S194..%2312") is not None
    assert encode_urn("urn:epc:tag:adi-var:3.2S194..1%232") is None


SSCC_PLUS: tuple[str | tuple[int, int], ...] = (
    "11111001",
    "1 000",
    *((int(digit), 4) for digit in "095201234567891235"),
)
LOT = ("00010000", "001 00100 1010 1011 0001 0010")  # (10) AB12 in upper-case hexadecimal
EXPIRY = ("00010111", "0011010 1011 11110")  # (17) 261130


def test_elements_behind_the_epc() -> None:
    decoded = decode(bits(*SSCC_PLUS, *LOT, *EXPIRY))
    assert decoded.aidc == (("10", "AB12"), ("17", "261130"))
    assert decoded.elements == (("00", "095201234567891235"),)
    assert verdict(decoded.findings) is Verdict.VALID
    assert encode(decoded.elements, aidc=decoded.aidc) == decoded.hex


def test_elements_behind_the_epc_that_are_not_there_or_not_said() -> None:
    assert codes(bits(*SSCC_PLUS)) == ["epc_aidc_missing"]
    unsaid = decode(bits("11111001", "0 000", *SSCC_PLUS[2:], *LOT))
    assert unsaid.aidc == (("10", "AB12"),)
    assert [finding.code for finding in unsaid.findings if finding.grade is Grade.WARNING] == ["epc_aidc_unsaid"]
    assert codes(bits("11111001", "0 000", *SSCC_PLUS[2:], "10100000")) == ["epc_padding"]
    assert codes(bits("11111001", "0 000", *SSCC_PLUS[2:], "000000000001")) == ["epc_padding"]
    # (03) is not for tags, A0 is no application identifier, and a date has a month
    assert codes(bits(*SSCC_PLUS, "00000011", (0, 56))) == ["epc_aidc_key"]
    assert codes(bits(*SSCC_PLUS, "10100000")) == ["epc_aidc_key"]
    assert codes(bits(*SSCC_PLUS, "00010111", "0011010 0000 11110")) == ["month_wrong"]
    assert codes(bits(*SSCC_PLUS, "00010111", "1111111 0001 11110")) == ["epc_date"]
    # too few bits for an SSCC (00), and not zeros
    assert codes(bits(*SSCC_PLUS, *LOT, "00000000 0001")) == ["epc_padding"]
    # more words of zeros are no SSCC of zeros
    assert decode(bits(*SSCC_PLUS, *LOT, (0, 96))).aidc == (("10", "AB12"),)


GTIN = (int("79521141123453", 16), 56)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        (("00110000 000 111", (0, 82)), "epc_partition"),
        (("00110000 000 000", (10**12, 40), (0, 42)), "epc_range"),
        (("00110000 000 110", (614141, 20), (10**7, 24), (1, 38)), "epc_range"),
        (("00110001 000 110", (614141, 20), (1, 38), (1, 24)), "epc_padding"),
        (("00110000 000 110", (614141, 20), (1, 24), (1, 38), (1, 16)), "epc_padding"),
        (("00110000 000 110", (614141, 20), (1, 24), (1, 6)), "epc_short"),
        (("00110110 000 110", (614141, 20), (1, 24), (0, 140)), "epc_empty"),
        (("00110110 000 110", (614141, 20), (1, 24), (65, 7), (0, 7), (65, 7), (0, 119)), "epc_padding"),
        (("00110110 000 110", (614141, 20), (1, 24), (36, 7), (0, 133)), "epc_characters"),
        (("00111111 000 110", (614141, 20), (1, 21), (2000, 41)), "epc_range"),
        (("01000000 000 110", (614141, 20), (1, 24), (100, 7), (1, 7), (1, 38)), "epc_range"),
        (("11110111 0 000", (int("7952114112345A", 16), 56), "000 00001 0001"), "epc_digit"),
        (("11110111 0 000", GTIN, "110 00001", (0, 16)), "epc_indicator"),
        (("11110111 0 000", GTIN, "000 11111", (0, 140)), "epc_length"),
        (("11110111 0 000", GTIN, "000 00001 1111"), "epc_range"),
        (("11110111 0 000", GTIN, "000 00000"), "epc_serial_missing"),
        (("11110111 0 000", GTIN, "101 00001", (64001, 16)), "epc_characters"),
        (("11110001 0 000", (int("09521141123454", 16), 56), "000 00000"), "epc_serial_missing"),
        (("11111011 0 000 1111", (0, 16), GTIN, "000 00001 0001"), "epc_date_kind"),
        (("11111011 0 000 0100 0011010 1101 00001", GTIN, "000 00001 0001"), "month_wrong"),
        (("11111011 0 000 0101 0011010 0001 00000", GTIN, "000 00001 0001"), "day_wrong"),
        (("11110111 0 000", (int("79521141123454", 16), 56), "000 00001 0001"), "check_digit_wrong"),
        (("11111101 0 000", GTIN, "000 00001 0001", "1 000001 0000100"), "epc_hostname"),
        (("11111101 0 000", GTIN, "000 00001 0001", "1 000000"), "epc_hostname"),
        (("11111101 0 000", GTIN, "000 00001 0001", "1 000001 0000000 0000000"), "epc_hostname"),
        (("11111010 0 000", (int("9" * 31, 16), 124), "1111"), "epc_length"),
        (("00111011 000011", "100000", "000001" * 5, "000001" * 33, "000000 000001 000000"), "epc_characters"),
        (("11111010 0 000", "1001 0101 1110 000 00001 0001"), "epc_delimiter"),
        # aerospace: a hash in the part number, in the middle of the serial number, and nothing but a hash
        (("00111011 000011", "100000", "000001" * 5, "100011 000000", "000001 000000"), "epc_characters"),
        (("00111011 000011", "100000", "000001" * 5, "000000", "000001 100011 000000"), "epc_characters"),
        (("00111011 000011", "100000", "000001" * 5, "000000", "100011 000000"), "epc_empty"),
        # the reference of a component has 15 digits with the company prefix, though there are bits for 16
        (("00111100 000 000", (123456789012, 40), (1000, 11), (1, 31)), "epc_range"),
        (("00000000", (0, 88)), "epc_unprogrammed"),
        (("11100010", (0x80116060000209, 88)), "epc_tid"),
    ],
)
def test_what_is_refused(fields: tuple[str | tuple[int, int], ...], code: str) -> None:
    data = bits(*fields)
    found = decode(data)
    assert [finding.code for finding in found.findings if finding.grade is Grade.FAILED] == [code]
    assert found.raw == f"urn:epc:raw:{8 * len(data)}.x{data.hex().upper()}"


def test_nothing_but_a_private_number_stays_raw_and_is_no_failure() -> None:
    for data in (b"ABCDEFGHIJKL"[5:], bytes.fromhex("FE00"), bytes.fromhex("CE1234567890123456789012")):
        found = decode(data)
        assert (found.scheme, found.elements, verdict(found.findings)) == ("raw", (), Verdict.VALID)
    assert codes(b"") == ["epc_nothing"]


SGTIN = bytes.fromhex("3066C4409047E140075BCD15")


def test_the_protocol_control_word() -> None:
    assert codes(SGTIN, 0x3000) == []
    assert codes(SGTIN, 0x3600) == ["epc_user_memory", "epc_extended_pc"]
    assert codes(SGTIN + bytes(4), 0x4000) == ["epc_pc_words"]
    assert codes(SGTIN, 0x4000) == ["epc_pc_length"]
    assert decode(SGTIN + b"\1\2", 0x3000).elements == decode(SGTIN).elements
    assert codes(SGTIN + b"\1\2", 0x3000) == ["epc_pc_length"]
    assert codes(SGTIN, 0x2800) == ["epc_short", "epc_pc_length"]
    assert codes(SGTIN, 0) == ["epc_nothing", "epc_pc_length"]


def test_a_tag_of_another_system_is_not_read_as_gs1() -> None:
    found = decode(SGTIN, 0x31A9)
    assert (found.scheme, found.elements, found.fields) == ("raw", (), {"afi": "A9"})
    assert found.raw == "urn:epc:raw:96.xA9.x3066C4409047E140075BCD15"


def test_a_tag_of_another_system_that_is_empty() -> None:
    assert codes(b"", 0x01A1) == ["epc_nothing"]


@pytest.mark.parametrize("header", ["F7", "30", "CE", "00"])
@pytest.mark.parametrize("pc", [None, 0x3000, 0x31A1])
def test_more_than_a_bank_can_hold_is_refused_first(header: str, pc: int | None) -> None:
    """31 words are what a control word can count."""
    full = bytes.fromhex(header) + bytes(61)
    assert "epc_long" not in codes(full, pc)
    assert codes(full + b"\0", pc) == ["epc_long"]
    assert (found := decode(full + b"\0", pc)).scheme == "raw"
    assert verdict(found.findings) is Verdict.INVALID


def test_a_megabyte_of_hex() -> None:
    data = from_hex("30 66-" * 500_000)
    assert data is not None
    assert codes(data) == ["epc_long"]
    assert from_hex("\ud800" * 1_000_000) is None


BANKS = st.binary(min_size=1, max_size=62) | st.builds(
    lambda header, rest: bytes([header]) + rest,
    st.sampled_from([*range(0x2C, 0x42), *range(0xE6, 0xFE)]),
    st.binary(max_size=61),
)


@given(BANKS, st.none() | st.integers(0, 0xFFFF))
@example(SGTIN, 0x31A1)
@example(SGTIN, 0x3100)
@example(SGTIN, 0x0800)
def test_a_tag_that_comes_again_as_its_urn_is_the_same(data: bytes, pc: int | None) -> None:
    found = decode(data, pc)
    if not found.hex:
        return
    again = urn.parse(found.raw)
    assert again is not None
    assert again.data == bytes.fromhex(found.hex)
    twice = decode(again.data, afi=again.afi)
    assert (twice.raw, twice.scheme, twice.elements, twice.uri) == (found.raw, found.scheme, found.elements, found.uri)


def test_hex_as_people_write_it() -> None:
    assert from_hex("30 66-c4") == bytes.fromhex("3066C4")
    assert from_hex("f90") == bytes.fromhex("F900")
    assert from_hex("") == b""
    assert from_hex("3O66") is None


@given(st.binary(max_size=64), st.none() | st.integers(0, 0xFFFF))
def test_any_bytes_have_an_answer(data: bytes, pc: int | None) -> None:
    found = decode(data, pc)
    assert found.raw.startswith("urn:epc:raw:")


@given(st.sampled_from([0x2C, 0x2D, 0x2E, 0x2F, *range(0x30, 0x42), *range(0xE6, 0xFE)]), st.binary(max_size=40))
def test_what_is_read_without_fault_is_written_as_it_was(header: int, rest: bytes) -> None:
    """And what a scheme before TDS 2.0 says has one URN, from whichever tag it comes."""
    found = decode(bytes([header]) + rest)
    if verdict(found.findings) is Verdict.VALID and found.tag_uri and found.uri:
        written = encode_urn(found.tag_uri)
        assert written is not None
        assert written.rstrip("0") == found.hex.rstrip("0")
        again = urn.parse(found.uri)
        assert again is not None
        assert (again.uri, again.elements, verdict(again.findings)) == (found.uri, found.elements, Verdict.VALID)
