"""ONNX: networks for other programs, and networks of other programs (`pip install 'xpcnn[onnx]'`).

`export` writes a network as a graph of ONNX operators; `nodes` has the operators of each layer.
"""
