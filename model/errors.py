"""The error tree. The class decides what happens; the code finds the text and the hint in the catalogue.

DoorpostError
├── SettingsError        the settings are wrong: exit 78, all problems listed
├── DriverError
│   ├── TransientError   the supervisor backs off and runs the driver again
│   └── PermanentError   the device stops and an alarm says so
├── StoreError           the journal could not make a record durable
│   ├── StoreFull        no room; capturing goes on counting what was refused
│   └── StoreDamaged     a segment cannot be read
├── RecordTooLarge       over RECORD_MAX_BYTES; large things go beside, by hash
├── ContractError        a message that breaks the wire contract
├── EvidenceError        an export, a store or a witness file that cannot be read at all: exit 65
└── LinkError            the broker cannot be reached or refused us

Each code stands in `config/messages/error.toml` under `[CODE]` with `en`, `zh` and, for the person on the ladder,
`hint_en`, `hint_zh`; a test holds the two together.
"""


class DoorpostError(Exception):
    """`code` names the text in the catalogue; `params` fill it."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.code = code
        self.params = params

    def __str__(self) -> str:
        return " ".join([self.code, *(f"{k}={v}" for k, v in self.params.items())])


class SettingsError(DoorpostError):
    pass


class DriverError(DoorpostError):
    pass


class TransientError(DriverError):
    """`pause_s`: before that time it is not tried again."""

    pause_s = 0.0


class PermanentError(DriverError):
    pass


class StoreError(DoorpostError):
    pass


class StoreFull(StoreError):
    pass


class StoreDamaged(StoreError):
    pass


class StoreUnreadable(StoreError):
    """The disk answers with an error where it should give what it holds: perhaps only now."""


class RecordTooLarge(DoorpostError):
    pass


class ContractError(DoorpostError):
    pass


class EvidenceError(DoorpostError):
    pass


class LinkError(DoorpostError):
    pass
