"""Tests of plain tables, options and objects."""
