"""The rules there are: name in the settings -> its settings class and the rule itself."""

from collections.abc import Callable
from typing import Any, NamedTuple

from gateway.rules.base import Profiles, Rule, RuleConfig
from gateway.rules.lift import PROFILES as LIFT_PROFILES
from gateway.rules.lift import LiftConfig, LiftRule
from gateway.rules.temperature import PROFILES as TEMPERATURE_PROFILES
from gateway.rules.temperature import TemperatureConfig, TemperatureRule


class RuleKind(NamedTuple):
    config: type[RuleConfig]
    profiles: Profiles[Any]
    make: Callable[[Any], Rule]


RULES: dict[str, RuleKind] = {
    "temperature": RuleKind(TemperatureConfig, TEMPERATURE_PROFILES, TemperatureRule),
    "lift": RuleKind(LiftConfig, LIFT_PROFILES, LiftRule),
}
