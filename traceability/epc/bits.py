"""The bits of an EPC bank, read and written from the first on."""

from traceability.finding import Finding

LONGEST = 62
"""Bytes of a bank: its control word counts up to 31 words."""


class BadCode(Exception):
    """Inside this package only: what is wrong with a code. Nothing of it leaves `decode`, `encode` and `urn`."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code)
        self.finding = Finding(code, params={name: str(value) for name, value in params.items()})


class NotWritable(Exception):
    """Inside this package only: a value that does not go into the bits that it would have to stand in."""


class Bits:
    """Reads. `left` are the bits that were not taken yet."""

    __slots__ = ("_value", "left", "total")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data)
        self.total = self.left = 8 * len(data)

    def take(self, count: int) -> int:
        left = self.left - count
        if left < 0:
            raise BadCode("epc_short", needed=self.total - left, bits=self.total)
        self.left = left
        return (self._value >> left) & ((1 << count) - 1)

    def rest(self) -> int:
        """All that is left, not taken."""
        return self._value & ((1 << self.left) - 1)


class Written:
    """Writes."""

    __slots__ = ("_value", "length")

    def __init__(self) -> None:
        self._value = self.length = 0

    def add(self, value: int, count: int) -> None:
        if value >> count:
            raise NotWritable(str(value))
        self._value = self._value << count | value
        self.length += count

    def hex(self) -> str:
        """In upper case, with zeros up to the next word of 16 bits, as a tag's memory is written."""
        words = -(-self.length // 16)
        return f"{self._value << (16 * words - self.length):0{4 * words}X}"
