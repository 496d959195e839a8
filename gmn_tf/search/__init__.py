"""Searching for settings on the tune splits."""
