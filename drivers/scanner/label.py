"""What a known label tells about the scanner that has read it. The labels stand in `labels/`. Pure."""

import re
from typing import Literal, NamedTuple

from drivers.scanner.codec import ENDS
from drivers.scanner.gs1 import GS

GS1_TEXT = b"010690123456789210DOORPOST\x1d21TEST1"
CHINESE = "冷库测试"
TEXT = f"DOORPOST:{CHINESE}:END"

_FORMS = (
    rb"(?P<prefix>.*?)(?P<aim>\][A-Za-z][0-9])?010690123456789210(?P<word>DOORPOST)(?P<gs>.*?)21TEST1(?P<suffix>.*)",
    rb"(?P<prefix>.*?)(?P<aim>\][A-Za-z][0-9])?(?P<word>DOORPOST):(?P<text>.*?):END(?P<suffix>.*)",
)


class Told(NamedTuple):
    """`gs` is what came in place of GS, b"" where nothing did; `text` the bytes of the Chinese text. None: the label has none.

    `charset` is "utf-8", "gbk", or None where the text came as something else. `turned`: small letters for capitals.
    """

    aim: str | None
    prefix: bytes
    suffix: bytes
    terminator: Literal["CR", "LF", "CRLF", "TAB"] | None
    gs: bytes | None
    text: bytes | None
    charset: str | None
    turned: bool

    def settings(self, *, plain: bool = True) -> dict[str, object]:
        """What the settings are to say. Of a scanner that is not in `plain` mode only its symbols are known, not the line."""
        told: dict[str, object] = {}
        if plain:
            told["terminators"] = [self.terminator] if self.terminator else []
            told |= {
                name: value.decode("latin-1")
                for name, value in (("prefix", self.prefix), ("suffix", self.suffix))
                if value
            }
        if self.aim:
            told["aim"] = "always"
        if self.gs and self.gs != GS:
            told["gs"] = self.gs.decode("latin-1")
        if self.charset == "gbk":
            told["charset"] = self.charset
        return told


def told(raw: bytes) -> Told | None:
    """None where it is none of the labels."""
    found = next((found for form in _FORMS if (found := re.fullmatch(form, raw, re.DOTALL | re.IGNORECASE))), None)
    if found is None:
        return None
    parts = found.groupdict()
    behind: bytes = parts["suffix"]
    longest = sorted(ENDS, key=lambda name: len(ENDS[name]), reverse=True)
    terminator = next((name for name in longest if behind.endswith(ENDS[name])), None)
    text = parts.get("text")
    return Told(
        aim=parts["aim"].decode() if parts["aim"] else None,
        prefix=parts["prefix"],
        suffix=behind[: len(behind) - len(ENDS[terminator])] if terminator else behind,
        terminator=terminator,
        gs=parts.get("gs"),
        text=text,
        charset=next((name for name in ("utf-8", "gbk") if text == CHINESE.encode(name)), None),
        turned=parts["word"].islower(),
    )
