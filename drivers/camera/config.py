"""Settings of a camera."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from drivers.camera.protocol import Region
from drivers.common.config import DeviceConfig

Format = Literal[
    "QRCode", "MicroQRCode", "DataMatrix", "Aztec", "PDF417", "MaxiCode", "DataBar", "Code128", "Code93", "Code39",
    "Codabar", "ITF", "ITF14", "EANUPC", "EAN13", "EAN8", "UPCA", "UPCE",
]  # fmt: skip
"""Names of zxing-cpp. A short list is faster and misreads less."""


def _region(roi: Region) -> Region:
    x, y, wide, high = roi
    fractions = max(roi) <= 1
    if min(x, y) < 0 or min(wide, high) <= 0 or (fractions and (x + wide > 1 or y + high > 1)):
        raise PydanticCustomError("setting_region", "not a region of the picture")
    return roi


class CameraConfig(DeviceConfig):
    """`source`: path of an image file (read again when it changes), or an MJPEG or RTSP address, a video file or a V4L2
    device such as /dev/v4l/by-path/...: whatever OpenCV opens.

    `fps`: pictures looked at per second at most. `motion`: decode only while something moves, and every `heartbeat_s`;
    without it each picture. `roi`: x, y, width and height of the part of the picture in which codes are sought, all as
    parts of 1 or all in pixels. A code that does not correct errors itself, as bars do not, counts once `confirm` of the
    last `confirm_of` decoded pictures show it. `left_s`: a code counts as scanned again only after it was out of view for
    that long. `keep_frames`: each new code brings the picture it was read from. `deadline_s`: a decoder silent for that
    long is killed. A stream that says the very same bytes for `frozen_s` is told as frozen (0: never), one whose pictures
    are older than `age_max_s` when they are decoded as late; a file's time counts from the look at it, for it may stay as it
    is for hours. `charset` is that of bytes which are not ASCII, where the symbol itself names none.
    """

    source: str
    fps: Annotated[float, Field(gt=0, le=30)] = 5
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] = (
        "QRCode",
        "DataMatrix",
        "Code128",
        "EANUPC",
        "DataBar",
    )
    roi: Annotated[Region, AfterValidator(_region)] | None = None
    motion: bool = True
    heartbeat_s: Annotated[float, Field(gt=0, le=60)] = 3
    confirm: Annotated[int, Field(ge=1, le=10)] = 2
    confirm_of: Annotated[int, Field(ge=1, le=10, validate_default=True)] = 3
    left_s: Annotated[float, Field(ge=0)] = 3
    keep_frames: bool = True
    deadline_s: Annotated[float, Field(ge=0.5)] = 5
    frozen_s: Annotated[float, Field(ge=0)] = 30
    age_max_s: Annotated[float, Field(gt=0)] = 2
    charset: Literal["utf-8", "gbk"] = "utf-8"

    @field_validator("confirm_of")
    @classmethod
    def _enough(cls, of: int, info: ValidationInfo) -> int:
        if info.data.get("confirm", 1) > of:
            raise PydanticCustomError("setting_confirm", "more pictures must agree than are looked at")
        return of
