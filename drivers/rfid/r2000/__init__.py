"""Readers of the 0xA0 family: R2000 chips, YR9xxx and what is sold under other names."""
