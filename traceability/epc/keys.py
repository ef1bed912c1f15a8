"""What an EPC identifies: the parts of its URN, and the GS1 elements that say the same (TDS 6.3 and 7).

One row for each scheme of TDS. A part is written as: digits (`p`; `e` where there may be none), a number without leading zeros
(`n`), two digits (`2`), text of GS1's set 82 (`t`), the reference of a component (`c`), CAGE or DoDAAC (`g`), part number and
serial number of aerospace (`a`, `s`), container (`b`), vessel (`v`).
"""

from typing import NamedTuple

from traceability.gs1.checks.sums import check_digit
from traceability.identity import Elements


class Key(NamedTuple):
    """`digits`: of company prefix and reference together, without the check digit; 0 where they are free.

    `leading`: the first digit of the reference stands before the company prefix in the GS1 key. `ahead` stands before both.
    `serial`: the AI of the last part; "" where it is appended to the key itself; None where there is none.
    `names`: what the parts are called where no GS1 element says it.
    """

    name: str
    parts: str
    ai: str = ""
    digits: int = 0
    leading: bool = False
    ahead: str = ""
    serial: str | None = None
    names: tuple[str, ...] = ()
    form: str = "id"


KEYS = {
    key.name: key
    for key in (
        Key("sgtin", "ppt", "01", 13, leading=True, serial="21"),
        Key("upui", "ppt", "01", 13, leading=True, serial="235"),
        Key("lgtin", "ppt", "01", 13, leading=True, serial="10", form="class"),
        Key("itip", "pp22t", "8006", 13, leading=True, serial="21"),
        Key("sscc", "pp", "00", 17, leading=True),
        Key("sgln", "pet", "414", 12, serial="254"),
        Key("pgln", "pe", "417", 12),
        Key("grai", "pet", "8003", 12, ahead="0", serial=""),
        Key("gdti", "pet", "253", 12, serial=""),
        Key("sgcn", "pep", "255", 12, serial=""),
        Key("gsrn", "pp", "8018", 17),
        Key("gsrnp", "pp", "8017", 17),
        Key("gsin", "pp", "402", 16),
        Key("ginc", "pt", "401"),
        Key("giai", "pt", "8004"),
        Key("cpi", "pcn", "8010", serial="8011"),
        Key("gid", "nnn", names=("manager", "class", "serial")),
        Key("usdod", "gn", names=("cage", "serial")),
        Key("adi", "gas", names=("cage", "part", "serial")),
        Key("bic", "b", names=("container",)),
        Key("imovn", "v", names=("vessel",)),
    )
}

NO_EXTENSION = "0"
"""In an SGLN, the extension that says that there is none."""

Parts = tuple[str | None, ...]
"""None is the star of a pattern."""


def elements(key: Key, parts: Parts) -> Elements:
    """What the parts say; () where the key is none of GS1 or is left open by a star."""
    whole = [part for part in (parts if key.serial is None else parts[:-1]) if part is not None]
    if not key.ai or len(whole) < len(key.parts) - (key.serial is not None):
        return ()
    prefix, reference, *more = whole
    if key.leading:
        prefix, reference = reference[:1] + prefix, reference[1:]
    value = key.ahead + prefix + reference
    if key.digits:
        value += check_digit(value)
    value += "".join(more)
    if key.serial is None:
        return ((key.ai, value),)
    serial = parts[-1] or ""
    if not key.serial:
        return ((key.ai, value + serial),)
    told = serial and not (key.name == "sgln" and serial == NO_EXTENSION)
    return ((key.ai, value), (key.serial, serial)) if told else ((key.ai, value),)


def of_elements(found: Elements) -> Key | None:
    """Whose key the elements have. Of several, that of the finest item, and a pallet's rather than that of its contents."""
    values = dict(found)
    if _NO_EPC in values:
        return None
    for key, serial in _ORDER:
        if key.ai in values and (not serial or serial in values):
            return key
    return None


_ORDER = tuple(
    (KEYS[name], (KEYS[name].serial or "") if needed else "")
    for name, needed in (
        ("sscc", False),
        ("itip", False),
        ("sgtin", True),
        ("upui", True),
        ("lgtin", True),
        *((name, False) for name in ("sgtin", "grai", "gdti", "sgcn", "cpi", "giai", "gsrnp", "gsrn")),
        *((name, False) for name in ("ginc", "gsin", "sgln", "pgln")),
    )
)
"""Whether only where the serial number or the lot is there too."""
_NO_EPC = "8019"
"""Makes a key finer than any EPC: one relation of several of the same person."""


def parts(key: Key, found: Elements, prefix_length: int) -> Parts | None:
    """The inverse of `elements`; a star for a serial number that is not there. None where they do not fit."""
    values = dict(found)
    value = values.get(key.ai, "")
    if not value.startswith(key.ahead) or not 6 <= prefix_length <= 12:
        return None
    body, behind = value[len(key.ahead) :], ""
    if key.digits:
        body, behind = body[: key.digits], body[key.digits + 1 :]
    if key.leading:
        body = body[1 : prefix_length + 1] + body[:1] + body[prefix_length + 1 :]
    whole: tuple[str, ...] = (body[:prefix_length], body[prefix_length:])
    if "2" in key.parts:
        whole += (behind[:2], behind[2:])
    if key.serial is None:
        return whole
    serial = values.get(key.serial) if key.serial else behind
    return (*whole, serial or (NO_EXTENSION if key.name == "sgln" else None))


def uri(key: Key, parts: Parts) -> str:
    """The URN that has these parts; with a star it is a pattern."""
    form = key.form if None not in parts else "idpat"
    texts = ["*" if part is None else part.translate(_ESCAPED) for part in parts]
    return f"urn:epc:{form}:{key.name}:{'.'.join(texts)}"


_ESCAPED = {ord(char): f"%{ord(char):02X}" for char in '"%&/<>?#'}
