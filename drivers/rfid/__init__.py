"""UHF RFID: modules of the M100/R200 family, inventory only."""
