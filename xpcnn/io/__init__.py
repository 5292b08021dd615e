"""Model files and the plain form of networks, shared by model files (JSON) and presets (TOML).

Nothing here runs code that a file brings: no pickle, no import paths.
"""
