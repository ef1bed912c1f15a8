"""A morning at a cold room: goods, a compressor that fails, a call from the lift, a broker and a gateway killed."""

from gateway.demo.cold_room.site import ColdRoom as Place
from gateway.demo.cold_room.story import ColdRoomStory as Tale

__all__ = ["NEEDED", "Place", "Tale"]

NEEDED = {"cv2": "camera", "zxingcpp": "camera", "segno": "demo"}
"""Module -> extra of the package that brings it."""
