"""The published pages: they render the record and compute nothing of their own."""
