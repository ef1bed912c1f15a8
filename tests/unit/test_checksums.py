"""Checksums against frames of vendors and of other people's devices."""

from drivers.common.checksum import gen2_crc16, negated_sum8, negated_sum16, sum8, uhfreader_crc16


def test_gen2_crc_of_captured_tags() -> None:
    """PC and EPC of five tags read by other people's modules carry the CRC that the tag sent."""
    for pc_epc, crc in [
        ("3400 30751FEB705C5904E3D50D70", 0x3A76),
        ("3000 E280689000005 00E88C6A4A7", 0x119B),
        ("3400 E2801170400002 1D35AE4008", 0xD444),
        ("3000 E200001D731501 6521408FC6", 0xB83E),
        ("3400 E200471BB00060 13044509D0", 0x9582),
    ]:
        assert gen2_crc16(bytes.fromhex(pc_epc.replace(" ", ""))) == crc


def test_sum8_of_a_module_frame() -> None:
    """Power 20 dBm of the vendor's manual: `BB 00 B6 00 02 07 D0 8F 7E`."""
    assert sum8(bytes.fromhex("00 B6 00 02 07 D0")) == 0x8F


def test_negated_sum8_of_a_pn532_and_an_r2000_frame() -> None:
    """`00 00 FF 02 FE D4 02 2A 00` and `A0 04 01 89 01 D1`."""
    assert negated_sum8(bytes.fromhex("D4 02")) == 0x2A
    assert negated_sum8(bytes.fromhex("A0 04 01 89 01")) == 0xD1


def test_negated_sum_of_an_ssi_packet() -> None:
    """The host's ACK: `04 D0 04 00 FF 28`."""
    assert negated_sum16(bytes.fromhex("04 D0 04 00")) == 0xFF28


def test_crc_of_captured_uhf_readers() -> None:
    """Questions of the UHFReader manuals and captured answers, low byte first; over all of a frame it is 0."""
    for raw in (
        "04 00 01 DB 4B",
        "04 00 21 D9 6A",
        "04 FF 21 19 95",
        "13 00 01 03 01 0C 00 00 00 00 00 00 00 00 00 00 03 13 3F 39",
        "15 00 01 03 01 01 0C 00 00 00 00 00 00 00 00 00 00 03 13 6B B1 A5",
    ):
        frame = bytes.fromhex(raw)
        assert uhfreader_crc16(frame[:-2]) == int.from_bytes(frame[-2:], "little")
        assert uhfreader_crc16(frame) == 0
