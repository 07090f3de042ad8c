"""Make a network runnable: the torch modules, their export to ONNX and the check of the result."""
