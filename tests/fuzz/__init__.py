"""Damaged and hostile files, and what is said of them: `python -m tests.fuzz`."""
