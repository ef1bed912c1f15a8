"""The wire contract v1 between a gateway and the central server: what both sides import."""
