"""What a scanner puts around a code: taken off, and told."""

import re
from typing import NamedTuple
from unicodedata import normalize

from traceability.finding import Finding, Grade

_SPACED = re.compile(r"[ 　]*([0-9０-９](?:[ 　]?[0-9０-９])*|[0-9A-Za-z０-９Ａ-Ｚａ-ｚ]+)[ 　]*")
_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
_HALF = re.compile("[\ud800-\udfff]")
_SUFFIX = "\r\n\t"
_BOM = "\ufeff"

_SUFFIX_TRIMMED = Finding("suffix_trimmed", Grade.NOTE)
_BOM_TRIMMED = Finding("bom_trimmed", Grade.NOTE)
_TYPED = Finding("typed_form", Grade.NOTE)
_AIM_IN_TEXT = Finding("aim_in_text", Grade.NOTE)


class Payload(NamedTuple):
    """`aim` is the AIM symbology identifier (`]d2`), or None where the reader tells none."""

    text: str
    aim: str | None
    findings: tuple[Finding, ...]


def payload(text: str, aim: str | None) -> Payload | None:
    """Without suffix, byte order mark and a symbology identifier in front, which counts where none came beside the text. Where
    no symbology is told, perhaps a person has typed it. None if it is no text: half a surrogate pair stands for a byte of an
    unknown charset.
    """
    findings: list[Finding] = []
    if _HALF.search(text):
        return None
    if aim is not None and not _AIM.fullmatch(aim):
        findings.append(Finding("aim_unknown", Grade.NOTE, {"aim": aim}))
        aim = None
    if text.startswith(_BOM):
        text = text[1:]
        findings.append(_BOM_TRIMMED)
    if text.startswith("]") and (inside := _AIM.match(text)) and aim in (None, inside[0]):
        aim, text = inside[0], text[3:]
        findings.append(_AIM_IN_TEXT)
    if text.endswith(tuple(_SUFFIX)):
        text = text.rstrip(_SUFFIX)
        findings.append(_SUFFIX_TRIMMED)
    if aim is None and not (text.isascii() and text.isalnum()) and (plain := _plain(text)):
        text = plain
        findings.append(_TYPED)
    return Payload(text, aim, tuple(findings))


def _plain(text: str) -> str | None:
    """As it was typed: without spaces around it, a number also without those between its groups; full-width as half-width."""
    found = _SPACED.fullmatch(text)
    return normalize("NFKC", found[1]).replace(" ", "") if found else None
