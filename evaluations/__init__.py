"""The runnable comparisons behind every claim."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""
