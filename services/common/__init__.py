"""What any image model needs: the base of its TorchServe handler, training, metrics, weights, and its card as data."""
