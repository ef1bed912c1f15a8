"""Topic names. `gw` is at once the client id, the user name and the certificate's common name."""

import re
from typing import NamedTuple

from model.errors import ContractError
from model.record import Stream

CENTRAL_STATUS = "v1/central/status"
ALL_UP = "v1/gw/+/up/#"
SHARED_UP = f"$share/central/{ALL_UP}"
"""Each message to one of those who are subscribed; nothing that was retained."""
ALL_STATUS = "v1/gw/+/up/status"
ALL_ACKS = "v1/gw/+/down/ack/+/+"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def valid_gateway(gw: str) -> bool:
    """Letters, digits, `_ . -`, at most 64: safe in a topic, a file name and a certificate."""
    return _NAME.fullmatch(gw) is not None


def up_stream(gw: str, stream: Stream) -> str:
    return f"v1/gw/{gw}/up/{stream}"


def up_status(gw: str) -> str:
    return f"v1/gw/{gw}/up/status"


def up_urgent(gw: str) -> str:
    return f"v1/gw/{gw}/up/urgent"


def up_result(gw: str) -> str:
    return f"v1/gw/{gw}/up/cmdres"


def down_ack(gw: str, store: str, stream: Stream) -> str:
    return f"v1/gw/{gw}/down/ack/{store}/{stream}"


def down_command(gw: str) -> str:
    return f"v1/gw/{gw}/down/cmd"


def up_hash_request(gw: str) -> str:
    return f"v1/gw/{gw}/up/hashreq"


def down_hashes(gw: str) -> str:
    return f"v1/gw/{gw}/down/hashes"


def all_down(gw: str) -> str:
    return f"v1/gw/{gw}/down/#"


class Up(NamedTuple):
    """Where an uplink message came from: `what` is a stream's name, `status`, `urgent`, `cmdres` or `hashreq`."""

    gw: str
    what: str


def parse_up(topic: str) -> Up:
    """Raises ContractError for a topic that no gateway may publish on."""
    parts = topic.split("/")
    if len(parts) != 5 or parts[:2] != ["v1", "gw"] or parts[3] != "up" or not valid_gateway(parts[2]):
        raise ContractError("topic_unknown", topic=topic)
    return Up(parts[2], parts[4])


class AckOf(NamedTuple):
    store: str
    stream: Stream


def parse_ack(gw: str, topic: str) -> AckOf:
    """Raises ContractError for anything but an acknowledgement topic of this gateway."""
    parts = topic.split("/")
    if len(parts) != 7 or parts[:5] != ["v1", "gw", gw, "down", "ack"] or parts[6] not in tuple(Stream):
        raise ContractError("topic_unknown", topic=topic)
    return AckOf(parts[5], Stream(parts[6]))
