"""GS1 identifiers: element strings, GS1 Digital Link, the table of facts that both are checked against."""
