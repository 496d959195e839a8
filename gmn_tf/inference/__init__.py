"""Prediction with a finished run, and its export."""
