"""A lift's alarm, from the button or the car's own state to the end on site."""

from gateway.rules.base import RuleKind
from gateway.rules.lift.config import PROFILES, LiftConfig
from gateway.rules.lift.rule import LiftRule

__all__ = ["KIND", "PROFILES", "LiftConfig", "LiftRule"]

KIND = RuleKind(LiftConfig, PROFILES, LiftRule)
