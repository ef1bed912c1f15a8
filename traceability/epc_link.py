"""Web addresses that carry an EPC in binary, as tags for phones have them (GS1's compression standard for EPC binary strings)."""

import re
from base64 import urlsafe_b64decode

from traceability.epc.decode import RAW, Decoded, decode
from traceability.finding import Grade

_ADDRESS = re.compile(
    r"(?i:https?)://[^/?#]+/(?:[^?#]*/)?"
    r"(?:eh(?P<hex>(?:[0-9a-f]{2}){6,})|ex(?P<base64>[A-Za-z0-9_-]{14,}))(?:[?#].*)?",
    re.DOTALL,
)
"""The last segment is `eh` and hexadecimal or `ex` and base64url. An EPC may be as short as a company prefix; but words of fewer
than 14 characters are too often right in base64 by chance."""


def decoded(url: str) -> Decoded | None:
    """The EPC that an address ends with, right or wrong; None if it has none with a header of GS1's.

    Words can look like base64; so that form counts only where nothing is wrong with it.
    """
    found = _ADDRESS.fullmatch(url)
    if not found:
        return None
    epc = decode(bytes.fromhex(found["hex"]) if found["hex"] else _from_base64(found["base64"]))
    if any(finding.grade is Grade.FAILED for finding in epc.findings):
        return epc if found["hex"] and epc.scheme != RAW else None
    return epc if epc.elements else None


def _from_base64(text: str) -> bytes:
    """Without the bits that do not fill a byte."""
    return urlsafe_b64decode(text + "A" * (-len(text) % 4))[: len(text) * 6 // 8]
