"""The tests, one folder per room of the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""
