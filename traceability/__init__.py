"""From codes to identities: pure functions, no I/O, no clock. `traceability.identify` is the door."""
