"""The words that every other room speaks: observations, records, time, errors, ports. Pure, but for the
shipped data that `shipped` finds and `texts` reads."""
