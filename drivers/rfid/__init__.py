"""UHF RFID readers: one folder per protocol; what a read is and how reads are gathered is the same for all."""
