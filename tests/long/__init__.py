"""Tests that take long and guard what seldom changes: `python -m pytest -q -n auto tests/long`.

Part of no other run of tests (`norecursedirs` in `pyproject.toml`); a step of CI.
"""
