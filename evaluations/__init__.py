"""The runnable comparisons behind every claim."""
