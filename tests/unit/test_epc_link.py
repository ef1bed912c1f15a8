"""Identities in binary at the end of a web address."""

import pytest

from traceability.epc_link import decoded
from traceability.finding import Grade

ITEM = (("01", "09528765123457"), ("21", "123456789123"))


@pytest.mark.parametrize("last", ["eh30164596f40c0e5cbe991a83", "exMBZFlvQMDly-mRqD"])
@pytest.mark.parametrize("before", ["https://id.gs1.org", "HTTP://H.EXAMPLE/some/stem"])
def test_an_epc_in_hexadecimal_and_in_base64(before: str, last: str) -> None:
    """The example of GS1's compression standard for EPC binary strings."""
    epc = decoded(f"{before}/{last}?linkType=x")
    assert epc
    assert (epc.elements, epc.hex) == (ITEM, "30164596F40C0E5CBE991A83")
    assert not any(finding.grade is Grade.FAILED for finding in epc.findings)


def test_a_damaged_epc_is_told() -> None:
    """In hexadecimal, which no word looks like; there is no partition 7."""
    epc = decoded("https://h/eh301c4596f40c0e5cbe991a83")
    assert epc
    assert epc.elements == ()
    assert [finding.grade for finding in epc.findings] == [Grade.FAILED]


@pytest.mark.parametrize(
    "last",
    ["eh30164596F40C0E5CBE991A83", "eh30164596f40c0e5cbe991a8", "eh3016", "ehe2801160600002084d5c1234", "exclusive-offers",
     "exMBxFlvQMDly-mRqD", "eh30164596f40c0e5cbe991a83/", "eh30164596f40c0e5cbe991a83" + 51 * "00",
     "exMBZFlvQMDly-mRqD" + 68 * "A"],
)  # fmt: skip
def test_what_only_looks_like_an_epc(last: str) -> None:
    """Upper case, half a byte, too short, a header that is none of GS1's, a word, base64 that decodes to nothing right, more than
    a tag can hold.
    """
    assert decoded(f"https://h/{last}") is None
