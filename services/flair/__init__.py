"""What the two FLAIR models share: network, training, evaluation, and the data set."""
