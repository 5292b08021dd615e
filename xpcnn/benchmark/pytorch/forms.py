"""The forms of PyTorch's side of a comparison: its memory formats, and compiled."""

FORMATS = ("contiguous_format", "channels_last")
COMPILED = "compiled"
