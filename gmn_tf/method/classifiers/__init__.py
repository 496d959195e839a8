"""Section 3.4: final classifiers, one file each; `table` names them."""
