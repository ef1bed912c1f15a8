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


def _modbus_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_MODBUS = _modbus_table()


def modbus_crc16(data: bytes) -> int:
    """CRC-16/MODBUS, sent low byte first. Over a frame with its CRC it is 0."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _MODBUS[(crc ^ byte) & 0xFF]
    return crc


def dallas_crc8(data: bytes) -> int:
    """Dallas/Maxim 1-Wire, polynomial 8C reflected. Over bytes with their CRC it is 0: also over nothing but zeros."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C * (crc & 1)
    return crc
