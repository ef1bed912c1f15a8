"""What the drivers share: transports and checksums."""
