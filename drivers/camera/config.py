"""Settings of a camera."""

from typing import Annotated, Literal

from pydantic import Field

from drivers.common.config import DeviceConfig

Format = Literal[
    "QRCode", "MicroQRCode", "DataMatrix", "Aztec", "PDF417", "MaxiCode", "DataBar", "Code128", "Code93", "Code39",
    "Codabar", "ITF", "ITF14", "EANUPC", "EAN13", "EAN8", "UPCA", "UPCE",
]  # fmt: skip
"""Names of zxing-cpp. A short list is faster and misreads less."""


class CameraConfig(DeviceConfig):
    """`source`: path of an image file (read again when it changes), or an MJPEG or RTSP address, a video file or a V4L2
    device such as /dev/v4l/by-path/...: whatever OpenCV opens.

    `fps`: pictures decoded per second at most. `deadline_s`: a decoder silent for that long is killed. `left_s`: a code
    counts as scanned again only after it was out of view for that long.
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
    deadline_s: Annotated[float, Field(ge=0.5)] = 5
    left_s: Annotated[float, Field(ge=0)] = 3
