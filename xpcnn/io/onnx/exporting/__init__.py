"""Networks as ONNX files: `network` begins, `layer_nodes` has the operators of each layer."""
