"""The reference subscriber: ingest, store, acknowledge, query, command."""
