"""Prepared splits as arrays; features and classes that a user hands in."""
