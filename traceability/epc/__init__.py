"""What an EPC tag says, and what to write on one: GS1 EPC Tag Data Standard (TDS) 2.3, all headers, in both directions."""
