"""From a `Config` to a trained generator."""
