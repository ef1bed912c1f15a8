"""The Gen2 session in the settings of UHF readers, written as the standard writes it."""

from typing import Literal

Session = Literal["S0", "S1", "S2", "S3"]


def number(session: Session) -> int:
    return int(session[1:])
