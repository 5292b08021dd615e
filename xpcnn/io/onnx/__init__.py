"""ONNX: networks to and from the files of other programs (`pip install 'xpcnn[onnx]'`)."""
