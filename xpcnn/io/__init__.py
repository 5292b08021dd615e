"""Model files: written completely or not at all, read with every entry checked.

Nothing here runs code from a file: no pickle, no import paths.
"""
