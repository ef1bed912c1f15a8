"""Views of the journal in a second SQLite file: what each point did, minute by minute. Rebuilt from the journal at any time."""
