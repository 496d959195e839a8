"""Reading the files of Xian et al.: features, attributes and splits."""
