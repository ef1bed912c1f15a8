"""The words that every other room speaks: observations, records, time, errors, ports. Pure: no I/O."""
