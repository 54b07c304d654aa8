"""Which images are accepted, and the images that are given out."""
