"""What a reader says of a tag, the same for all of them."""

from typing import NamedTuple


class TagRead(NamedTuple):
    """One read, or `reads` reads that the reader itself has put together, of a tag at an antenna.

    `epc`, `pc` and `tid` in upper-case hex; RSSI in dBm, the strongest where there are several; `reader_first` and
    `reader_last` by the reader's clock (us, UTC).
    """

    epc: str
    pc: str | None
    rssi: int | None
    antenna: int | None = None
    channel: int | None = None
    reads: int = 1
    tid: str | None = None
    reader_first: int | None = None
    reader_last: int | None = None
