"""The embedded broker's reading of MQTT topic filters."""

import pytest

from gateway.demo.amqtt_broker import covers


@pytest.mark.parametrize(
    ("allowed", "asked", "covered"),
    [
        ("v1/gw/g/up/#", "v1/gw/g/up/event", True),
        ("v1/gw/g/up/#", "v1/gw/g/up", True),  # MQTT 5, 4.7.1.2: # includes the parent level
        ("v1/gw/g/up/#", "v1/gw/h/up/event", False),
        ("v1/gw/+/up/#", "v1/gw/+/up/status", True),
        ("v1/gw/g/up/#", "v1/gw/+/up/#", False),
        ("v1/list/+/head", "v1/list/#", False),
        ("v1/list/+/head", "v1/list/recall/head/x", False),
        ("v1/list/+/head", "v1/list/recall", False),
    ],
)
def test_filter_covers(allowed: str, asked: str, covered: bool) -> None:
    """A permission holds for a filter only where it holds for all that the filter matches."""
    assert covers(allowed, asked) is covered
