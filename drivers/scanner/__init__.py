"""Serial barcode scanners: plain lines, and Zebra/Symbol SSI with its handshake."""
