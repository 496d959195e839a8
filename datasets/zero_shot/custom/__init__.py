"""Reading a folder of custom data: classes, features, splits."""
