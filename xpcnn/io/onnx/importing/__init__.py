"""Networks from ONNX files: `network` begins, `operators` has the layers of each operator.

The steps, a file each: `source` reads and checks the file; `translation` turns nodes into a chain
of parts (`parts`), with arithmetic on constants done (`folding`); `rewriting` turns several parts
into one layer; `assembly` makes of the chain one layer with its parameters.
"""
