"""The story told by `doorpost demo`, and the broker and certificates that it and the tests run on."""
