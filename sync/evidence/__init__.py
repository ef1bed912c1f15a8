"""Evidence: what a store holds, written out for a stranger, and the check of what it proves."""
