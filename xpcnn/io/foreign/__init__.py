"""Weights of PyTorch's networks, in safetensors files with the names of torchvision and timm."""
