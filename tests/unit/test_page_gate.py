"""The rules of who may read the page, without a server."""

import pytest

from gateway.web.access import SESSION_S, Gate, TooManyTries, is_loopback, names_this_machine


def test_session_ends_after_its_time() -> None:
    """A session is good for twelve hours, and only for its own token."""
    codes: list[str] = []
    now = [0.0]
    gate = Gate(codes.append, lambda: now[0])
    gate.issue()
    token = gate.redeem(codes[-1].lower(), "192.0.2.7")
    assert gate.knows(token)
    assert not gate.knows("x")
    assert not gate.knows(None)
    now[0] = SESSION_S
    assert not gate.knows(token)


def test_wrong_codes_are_limited_and_forgiven() -> None:
    """Five wrong codes in a minute close the gate for that client, not for others; after a minute it opens again."""
    codes: list[str] = []
    now = [0.0]
    gate = Gate(codes.append, lambda: now[0])
    gate.issue()
    for _ in range(5):
        assert gate.redeem("WRONG", "192.0.2.7") is None
    with pytest.raises(TooManyTries):
        gate.redeem(codes[-1], "192.0.2.7")
    now[0] = 60.0
    assert gate.redeem(codes[-1], "192.0.2.7")
    assert len(codes) == 2


def test_no_code_opens_a_gate_that_has_issued_none() -> None:
    """Before the first code, no code is right, not even an empty or an unprintable one."""
    gate = Gate(print)
    assert [gate.redeem(code, "192.0.2.7") for code in ("", "NONE", "é")] == [None] * 3


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.1", False),
        ("", False),
    ],
)
def test_loopback_addresses(address: str, loopback: bool) -> None:
    """Loopback is told by the address, in both families."""
    assert is_loopback(address) is loopback


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost:8321", True),
        ("127.0.0.1", True),
        ("[::1]:8321", True),
        ("LOCALHOST", True),
        ("localhost.evil", False),
    ],
)
def test_host_headers(host: str, here: bool) -> None:
    """A Host header is this machine's only by a loopback address or by the name localhost."""
    assert names_this_machine(host) is here
