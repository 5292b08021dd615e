"""CuPy's side of the project on a machine without a GPU: a stand-in for CuPy computes on the host.

    python -m pytest -q -n auto tests/cupy_on_host

Part of no other run of tests (`norecursedirs` in `pyproject.toml`); a step of CI. That all ops give
the results of NumPy is tested with those of the other libraries (`--lib cupy-on-host`).
"""
