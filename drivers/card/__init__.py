"""Readers of cards of short range (LF, HF): 125 kHz modules, PN532, and whatever says a card as a line of text."""
