"""Whether the reader's inventory is running, as far as can be known; when to ask, and to start it by command. Pure."""

from drivers.rfid.llrp import params
from drivers.rfid.llrp.params import MessageType
from drivers.rfid.llrp.replies import Status
from drivers.rfid.llrp.session import refused
from model.errors import TransientError

START_US = 200_000
"""An inventory that has not begun by then, or has ended, is started by command."""
START_AGAIN_US = 5_000_000
"""A command that has had no effect until then is given once more."""


class Running:
    """An empty field says nothing, and not each reader tells when its inventory begins. It runs for sure after an event of
    its beginning, a report, or an answer that says so; until then it is asked for and started again and again.

    `problem` is what shows that it does not run: a start that was refused or not answered, one that the reader accepted
    without effect, or an end that no beginning has followed.
    """

    def __init__(self, enabled_us: int | None = None) -> None:
        """When it was enabled, to begin by itself (mono); None: not yet."""
        self.due_us = None if enabled_us is None else enabled_us + START_US
        """When to ask for its state and, right behind that, to start it."""
        self.problem: TransientError | None = None
        self._ended = False
        self._forget_starts()

    def _forget_starts(self) -> None:
        self._commanded = self._answered = self._accepted = False

    def began(self) -> None:
        self.due_us = self.problem = None
        self._ended = False
        self._forget_starts()

    def ended(self, mono: int) -> None:
        self._ended = True
        self._forget_starts()
        self.due_us = mono + START_US

    def reported(self) -> None:
        """What had ended may still report what it has read."""
        if self.due_us is not None and (self._accepted or not self._ended):
            self.began()

    def command(self, mono: int) -> None:
        """It is asked for and started now."""
        if self._commanded and (self._ended or not self._answered):
            self._idle()
        self._commanded, self._answered = True, False
        self.due_us = mono + START_AGAIN_US

    def stated(self, state: int | None) -> None:
        """The reader's answer to that question; None where it has none."""
        if state == params.ROSPEC_ACTIVE:
            self.began()
        elif state is not None and self._accepted:
            self._idle()

    def answered(self, said: Status) -> None:
        """The reader's answer to the command. Where it is known to run, a refusal says only that."""
        if self.due_us is None:
            return
        self._answered = True
        self._accepted = said.code == params.SUCCESS
        if not self._accepted:
            self.problem = refused(MessageType.START_ROSPEC, said)

    def _idle(self) -> None:
        self.problem = self.problem or TransientError("llrp_idle")
