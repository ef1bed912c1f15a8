"""What comes and goes with each poll would fill the store: it is told seldom then, with how often, and as it stands in the end."""

import msgspec

CHANGES_TOLD = 30
"""So many changes of a point are told each; then one after a pause that doubles, until it has been calm for a minute."""
CALM_US, PAUSE_MAX_US = 60_000_000, 3_600_000_000


class Chatter(msgspec.Struct, frozen=True):
    """A point that was not calm yet: its value now and the one `before`, since when (CLOCK_BOOTTIME us) it has stood; `told` often,
    the last time at `told_at`; `untold` changes came since.
    """

    value: int
    before: int
    since: int
    told_at: int
    told: int = 0
    untold: int = 0

    @classmethod
    def begun(cls, value: int, mono: int) -> "Chatter":
        return cls(value, value, mono, mono)

    def seen(self, value: int, mono: int) -> "Chatter":
        if value == self.value:
            return self
        return msgspec.structs.replace(self, value=value, before=self.value, since=mono, untold=self.untold + 1)

    def speaks(self, mono: int) -> bool:
        """It has something to tell, and may."""
        more = self.told - CHANGES_TOLD
        pause = 0 if more < 0 else min(CALM_US << min(more, 10), PAUSE_MAX_US)
        return self.untold > 0 and (mono - self.told_at >= pause or self._calm(mono))

    def spoken(self, value: int, mono: int) -> "Chatter":
        """It was told, and counts as this value."""
        return msgspec.structs.replace(self, value=value, told=self.told + 1, told_at=mono, untold=0)

    def over(self, mono: int) -> bool:
        return not self.untold and self._calm(mono)

    def _calm(self, mono: int) -> bool:
        return mono - self.since >= CALM_US
