"""Checksums of serial protocols, each with a golden vector from a vendor's frame in the tests."""

from binascii import crc_hqx


def sum8(data: bytes) -> int:
    """Low byte of the sum: UHF modules of the M100 family, over type to last parameter."""
    return sum(data) & 0xFF


def negated_sum16(data: bytes) -> int:
    """Two's complement of the 16-bit sum: Zebra/Symbol SSI, sent high byte first."""
    return -sum(data) & 0xFFFF


def gen2_crc16(data: bytes) -> int:
    """The CRC that a Gen2 tag itself sends over PC and EPC (ISO/IEC 13239: poly 1021, init and final xor FFFF)."""
    return crc_hqx(data, 0xFFFF) ^ 0xFFFF
