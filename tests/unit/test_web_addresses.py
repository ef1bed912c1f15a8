"""Addresses of platforms, by the layouts that a site has written down."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codes import shipped_codes
from traceability import identify
from traceability.finding import Candidate, Grade, Verdict
from traceability.identity import Level
from traceability.schemes.table import compile_table


def row(name: str, host: str, path: str, **more: str) -> dict[str, Any]:
    return {"name": name, "label": {"zh": "平台", "en": "platform"}, "host": host, "path": path, **more}


ROWS = [
    row("url.pack", "*.trace.example", r"/p/(?P<lot>[^/?]{1,60})\?g=(?P<gtin>\d{8,14})(&s=(?P<serial>[^&]{1,60}))?"),
    row("url.token", "q.example", r"/#/scan\?c=(?P<code>[^&]{1,60})", evidence="unknown"),
    row("url.any", "*", r"/vendor\?gtin=(?P<gtin>\d{8,14})&shop=(?P<shop>\d{1,9})"),
    row("url.serial", "q.example", r"/s/(?P<serial>\d{8})"),
    row("url.long", "q.example", r"/long\?x++"),
]
TABLE = compile_table({**shipped_codes(), "namespace": "https://ns.example.cn/", "url": ROWS})


def found(text: str) -> list[Candidate]:
    return list(identify.scan(text, None, TABLE, None, 2026).candidates)


def test_a_gtin_in_an_address_is_the_item_of_any_other_code() -> None:
    """The same candidate as of the pack by its Digital Link; host and scheme in any case, a port, a place in the page."""
    (pack,) = found("HTTPS://A.Trace.EXAMPLE:8443/p/L%2F1?g=6901234567892&s=S1#top")
    assert pack == found("https://maker.example/01/06901234567892/10/L%2F1/21/S1")[0]
    assert (pack.scheme, pack.verdict, bool(pack.epc)) == ("gs1.gtin", Verdict.VALID, True)
    assert pack.identity
    assert pack.identity.uri == "https://id.gs1.org/01/06901234567892/21/S1"
    assert pack.identity.lot_uri == "https://id.gs1.org/01/06901234567892/10/L%2F1"


def test_what_else_an_address_tells_stands_beside() -> None:
    (pack,) = found("https://x.example/vendor?gtin=06901234567892&shop=7")
    assert (pack.scheme, dict(pack.fields)) == ("gs1.gtin", {"shop": "7"})


def test_what_is_wrong_with_it_is_told() -> None:
    """Its check digit; a lot that no label can have. No identity then."""
    (pack,) = found("https://a.trace.example/p/%E6%89%B9?g=6901234567893")
    assert [one.code for one in pack.findings if one.grade is Grade.FAILED] == ["check_digit_wrong", "not_set_82"]
    assert (pack.identity, pack.epc) == (None, None)


def test_a_token_has_an_identity_of_its_own() -> None:
    """Below the namespace; in the route of a page that is one file, too."""
    (token,) = found("https://q.example/#/scan?c=%E6%B5%99A1")
    assert (token.fields, token.elements, token.evidence) == ({"code": "浙A1"}, (), "unknown")
    assert token.identity
    assert (token.identity.uri, token.identity.level) == ("https://ns.example.cn/url.token/%E6%B5%99A1", Level.INSTANCE)


def test_a_layout_without_code_is_recognised_and_identifies_nothing() -> None:
    """It is known whose address it is."""
    (shop,) = found("http://q.example/s/12345678#x")
    assert (shop.scheme, shop.identity, shop.fields) == ("url.serial", None, {"serial": "12345678"})


@pytest.mark.parametrize(
    "text",
    ["", "q.example/s/12345678", "ftp://q.example/s/12345678", "https://q.example", "https://q.example/s/12345678/",
     "https://q.example.cn/s/12345678", "https://trace.example/p/L?g=6901234567892", "https:///s/12345678",
     "https://xtrace.example/p/L?g=6901234567892", "https://x/vendor?gtin=690", "https://q.example/long?" + "x" * 10_000],
)  # fmt: skip
def test_other_addresses(text: str) -> None:
    """Another host or layout, no host, no address, more than any symbol holds."""
    assert found(text) == []


def test_many_layouts_are_made_ready_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pattern is compiled for a scan, however many there are."""
    many = compile_table(
        {**shipped_codes(), "url": [row(f"url.r{at}", "q.example", f"/r{at}/(?P<code>a)") for at in range(600)]}
    )
    monkeypatch.setattr("re._compiler.compile", None)  # what is not compiled yet would fail
    for at in (0, 599):
        answer = identify.scan(f"https://q.example/r{at}/a", None, many, None, 2026)
        assert answer.best
        assert answer.best.scheme == f"url.r{at}"


@given(st.one_of(st.text(), st.text().map("https://q.example/#/scan?c=".__add__)))
def test_any_text_has_an_answer(text: str) -> None:
    """Never an exception."""
    assert all(one.findings or one.verdict for one in found(text))
