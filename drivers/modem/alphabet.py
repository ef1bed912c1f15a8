"""The 7-bit alphabet of short messages with its extension table (3GPP TS 23.038, 6.2.1), packed into octets. Pure."""

_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "€",
}
_SEPTETS: dict[str, tuple[int, ...]] = {
    **{sign: (code,) for code, sign in enumerate(_ALPHABET) if code != _ESCAPE},
    **{sign: (_ESCAPE, code) for code, sign in _EXTENSION.items()},
}


def septets_of(text: str) -> list[tuple[int, ...]] | None:
    """Of each character its septet, or the two of the extension table; None where the alphabet lacks one."""
    found = [_SEPTETS.get(sign) for sign in text]
    return None if None in found else [septets for septets in found if septets]


def text_of(septets: list[int]) -> str:
    """What an extension table that we do not know would mean reads as the alphabet's own character (23.038, 6.2.1.1)."""
    signs = []
    escaped = False
    for septet in septets:
        if septet == _ESCAPE and not escaped:
            escaped = True
            continue
        signs.append(_EXTENSION.get(septet, _ALPHABET[septet]) if escaped else _ALPHABET[septet])
        escaped = False
    return "".join(signs).replace("\x1b", " ")


def pack(septets: list[int], fill: int = 0) -> bytes:
    """Lowest bits first, behind `fill` bits that are 0."""
    bits = 0
    for at, septet in enumerate(septets):
        bits |= septet << (fill + 7 * at)
    return bits.to_bytes((fill + 7 * len(septets) + 7) // 8, "little")


def unpack(data: bytes, count: int, fill: int = 0) -> list[int]:
    bits = int.from_bytes(data, "little") >> fill
    return [bits >> 7 * at & 0x7F for at in range(count)]
