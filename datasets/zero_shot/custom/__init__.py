"""Reading a user's own folder: classes, features, splits."""
