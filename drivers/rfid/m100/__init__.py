"""Modules of the M100/R200 family on a serial line."""
