"""Code schemes that are data: rules in a table, compiled and matched here."""
