"""A blueprint to copy for the driver of a device on a line of its own (docs/drivers.md). Nobody builds this device."""
