"""R1 to R9: the rows of the README's table under "Right and fast", one file of tests each.

Part of no other run of tests (`norecursedirs` in `pyproject.toml`): `python -m tests.conformance`,
a step of CI, also brings PyTorch.
"""
