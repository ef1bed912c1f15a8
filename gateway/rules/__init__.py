"""Decisions: pure steps over observations, numbers from profiles under `config/rules/`."""
