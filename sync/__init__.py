"""The journal, the contract's messages and the way to the centre. Knows records, not what they mean."""
