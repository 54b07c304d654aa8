"""Everything that imports torch: the models, what they share, and the program that archives them for TorchServe."""
