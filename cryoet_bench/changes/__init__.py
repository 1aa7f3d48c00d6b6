"""What changed between releases: values compared, and how far to believe a difference."""
