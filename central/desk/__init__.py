"""The rescue desk's live page: a process of its own beside the centre, on the same database."""
