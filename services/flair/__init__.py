"""What the two FLAIR models share: network, training, evaluation, the data set."""
