"""The status page: read-only, live, served by the daemon itself. Only `listen` is cheap to import."""
