"""What the centre has settled of a stream, as it stands in the journal's state under `ack/{store}/{stream}`."""

import logging
from typing import Annotated

import msgspec

from sync.contract.messages import EPOCH_MAX, Count

log = logging.getLogger("doorpost.watermark")


class Watermark(msgspec.Struct):
    """Losing it costs a resend."""

    upto: Count = 0
    epoch: Annotated[int, msgspec.Meta(ge=0, le=EPOCH_MAX)] = 0
    refused: list[tuple[int, int, str]] = []

    @classmethod
    def of(cls, stored: bytes | None) -> "Watermark":
        """One that is not there, or cannot be read, is at the beginning."""
        try:
            return msgspec.json.decode(stored, type=cls) if stored else cls()
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.error("a watermark cannot be read: what it stands for is sent again")
            return cls()
