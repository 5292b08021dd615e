"""The checks of one machine's GPU: `python tests/gpu_check.py`. Part of no test run.

Each section is a module with `findings(options)`; it runs in a process of its own, so that a fault
on the device or a hang ends one section and not the others.
"""
