"""What every room needs: errors, files, tables, locks, progress."""
