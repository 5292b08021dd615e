"""Model files: written in one piece, read with every entry checked.

Nothing here runs code that a file brings: no pickle, no import paths.
"""
