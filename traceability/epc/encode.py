"""What to write into the EPC bank of a tag (TDS 2.3)."""

from traceability.epc import classic, keys, plus, urn
from traceability.epc.bits import LONGEST, NotWritable, Written
from traceability.finding import Verdict, verdict
from traceability.gs1 import values
from traceability.gs1.table import find
from traceability.identity import Elements

PLUS = "+"


def encode(
    elements: Elements,
    form: str = PLUS,
    *,
    checked: bool = False,
    filter_value: int = 0,
    hostname: str = "",
    aidc: Elements = (),
) -> str | None:
    """In a scheme of TDS 2.x: the bank from bit 20h on in hex, whole words; None where these elements do not go into it.

    `form` is the name of the scheme (`dsgtin+`, `sgtin++` with a `hostname`), or `+` for that of the key. Elements that are not of
    the key do not go onto the tag: `aidc` does, behind the EPC. The filter value 0 says nothing of the item. `checked`: the values
    are known to be right and are not looked at again; of others it would be the EPC of a wrong number.

    For a scheme before TDS 2.0 see `encode_urn` of `urn.of_elements`, which need the length of the company prefix.
    """
    if not checked and not (_right(elements) and _right(aidc)):
        return None
    key = keys.of_elements(elements)
    scheme = key and plus.SCHEMES.get(key.name + form if form == PLUS else form)
    if scheme is None:
        return None
    out = Written()
    try:
        out.add(scheme.header, 8)
        out.add(bool(aidc), 1)
        out.add(filter_value, 3)
        plus.write(out, scheme, dict(elements), hostname)
        plus.write_behind(out, aidc)
    except NotWritable:
        return None
    return out.hex() if out.length <= 8 * LONGEST else None


def encode_urn(text: str) -> str | None:
    """In a scheme before TDS 2.0: of `urn:epc:tag:` as it says, of a pure identity in the shortest that has room."""
    found = urn.parse(text)
    if found is None or verdict(found.findings) is Verdict.INVALID:
        return None
    parts = tuple(part for part in found.parts if part is not None)
    if not parts or len(parts) != len(found.parts):
        return None
    if found.form == "tag":
        return _classic(classic.SCHEMES[found.scheme], parts, found.filter or 0)
    schemes = [scheme for scheme in classic.SCHEMES.values() if scheme.key.name == found.scheme]
    return next((epc for scheme in schemes if (epc := _classic(scheme, parts, 0))), None)


def _right(elements: Elements) -> bool:
    return all((ai := find(code)) is not None and not values.wrong(ai, value) for code, value in elements)


def _classic(scheme: classic.Scheme, parts: tuple[str, ...], filter_value: int) -> str | None:
    out = Written()
    try:
        out.add(scheme.header, 8)
        out.add(filter_value, scheme.filter_bits)
        classic.write(out, scheme, parts)
    except NotWritable:
        return None
    return out.hex()
