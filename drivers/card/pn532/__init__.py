"""The PN532 on its serial interface (HSU)."""
