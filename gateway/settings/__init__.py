"""The settings file: read whole, checked whole, every problem told at once with its line."""
