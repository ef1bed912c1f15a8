"""Somebody is shut in a lift, with a bad network and a power cut."""

from gateway.demo.lift.site import LiftSite as Place
from gateway.demo.lift.story import LiftStory as Tale

__all__ = ["NEEDED", "Place", "Tale"]

NEEDED: dict[str, str] = {}
