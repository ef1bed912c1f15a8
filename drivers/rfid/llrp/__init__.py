"""Fixed UHF readers that speak LLRP 1.0.1 (EPCglobal Low Level Reader Protocol) over TCP."""
