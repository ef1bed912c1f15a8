"""Simulated device firmware at wire level. Imports no other room, so that a shared bug cannot cancel out."""
