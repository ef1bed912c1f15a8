"""Coupons of North America: a chain of fields, some of which say with their first digit how long they are."""

from traceability.gs1.checks.moments import yymmdd

_GCP = range(7)
_ANY = range(10)
_VALUE = range(1, 6)
_RETAILER = range(1, 8)
_REQUIREMENT = "012349"
_NO_PREFIX = "9"


class _Wrong(Exception):
    """With the code of what is wrong."""


class _Reader:
    """Takes one field after the other from the left; a field that is not as it must be ends the reading."""

    def __init__(self, text: str) -> None:
        if text and not (text.isascii() and text.isdigit()):
            raise _Wrong("not_a_digit")
        self._text = text
        self._at = 0

    def take(self, length: int) -> str:
        end = self._at + length
        if end > len(self._text):
            raise _Wrong("coupon_short")
        found, self._at = self._text[self._at : end], end
        return found

    def one_of(self, allowed: str) -> str:
        found = self.take(1)
        if found not in allowed:
            raise _Wrong("coupon_wrong")
        return found

    def measured(self, lengths: range, more: int) -> str:
        """A digit out of `lengths`, and as many digits as it says plus `more`."""
        length = int(self.take(1))
        if length not in lengths:
            raise _Wrong("coupon_wrong")
        return self.take(length + more)

    def option(self, mark: str) -> bool:
        """Whether an optional field begins here; its mark is taken."""
        if not self._text.startswith(mark, self._at):
            return False
        self._at += 1
        return True

    def end(self) -> None:
        if self._at < len(self._text):
            raise _Wrong("coupon_long")


def couponcode(part: str) -> str | None:
    """AI 8110."""
    try:
        _coupon(_Reader(part))
    except _Wrong as wrong:
        return str(wrong)
    return None


def couponposoffer(part: str) -> str | None:
    """AI 8112: format, who pays, the offer, its serial number."""
    try:
        reader = _Reader(part)
        reader.one_of("01")
        reader.measured(_GCP, 6)
        reader.take(6)
        reader.measured(_ANY, 6)
        reader.end()
    except _Wrong as wrong:
        return str(wrong)
    return None


def _coupon(reader: _Reader) -> None:
    reader.measured(_GCP, 6)
    reader.take(6)
    reader.measured(_VALUE, 0)
    _purchase(reader)
    if reader.option("1"):
        reader.one_of("0123")
        _purchase(reader)
        _prefix_or_none(reader)
    if reader.option("2"):
        _purchase(reader)
        _prefix_or_none(reader)
    expiry = _date(reader) if reader.option("3") else None
    if reader.option("4"):
        start = _date(reader)
        if expiry and start > expiry:
            raise _Wrong("coupon_ends_before_start")
    if reader.option("5"):
        reader.measured(_ANY, 6)
    if reader.option("6"):
        reader.measured(_RETAILER, 6)
    if reader.option("9"):
        reader.one_of("01256")
        reader.one_of("012")
        reader.take(1)
        reader.one_of("01")
    reader.end()


def _purchase(reader: _Reader) -> None:
    """How much must be bought, its unit, and the family of goods."""
    reader.measured(_VALUE, 0)
    reader.one_of(_REQUIREMENT)
    reader.take(3)


def _prefix_or_none(reader: _Reader) -> None:
    if not reader.option(_NO_PREFIX):
        reader.measured(_GCP, 6)


def _date(reader: _Reader) -> str:
    found = reader.take(6)
    if yymmdd(found):
        raise _Wrong("coupon_date")
    return found
