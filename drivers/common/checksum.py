"""Checksums of serial protocols, each with a golden vector from a vendor's frame in the tests."""

from binascii import crc_hqx


def sum8(data: bytes) -> int:
    """Low byte of the sum: UHF modules of the M100 family, over type to last parameter."""
    return sum(data) & 0xFF


def negated_sum8(data: bytes) -> int:
    """Two's complement of the 8-bit sum: PN532, UHF readers of the R2000 family. Over a frame with its checksum it is 0."""
    return -sum(data) & 0xFF


def negated_sum16(data: bytes) -> int:
    """Two's complement of the 16-bit sum: Zebra/Symbol SSI, sent high byte first."""
    return -sum(data) & 0xFFFF


def gen2_crc16(data: bytes) -> int:
    """The CRC that a Gen2 tag itself sends over PC and EPC (ISO/IEC 13239: poly 1021, init and final xor FFFF)."""
    return crc_hqx(data, 0xFFFF) ^ 0xFFFF


def _reflected(polynomial: int) -> tuple[int, ...]:
    """The table of a CRC-16 that sends its lowest bit first."""
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (polynomial if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_MODBUS = _reflected(0xA001)
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def modbus_crc16(data: bytes) -> int:
    """CRC-16/MODBUS, sent low byte first. Over a frame with its CRC it is 0."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _MODBUS[(crc ^ byte) & 0xFF]
    return crc


def uhfreader_crc16(data: bytes) -> int:
    """Chafon's UHFReader family (preset FFFF, 8408 reflected), sent low byte first. Over a frame with its CRC it is 0."""
    high, low = crc_hqx(data.translate(_MIRRORED), 0xFFFF).to_bytes(2, "big")
    return _MIRRORED[low] << 8 | _MIRRORED[high]


def dallas_crc8(data: bytes) -> int:
    """Dallas/Maxim 1-Wire, polynomial 8C reflected. Over bytes with their CRC it is 0: also over nothing but zeros."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8C * (crc & 1)
    return crc
