"""Wires to observations: one folder per device family. Drivers do not import each other."""
