"""Readers of the "len adr cmd" family: UHFReader18, UHFReader288M and what is sold under other names."""
