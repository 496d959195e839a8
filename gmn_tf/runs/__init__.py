"""One run: its folder, training and scoring; several seeds together."""
