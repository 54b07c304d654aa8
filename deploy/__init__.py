"""Everything that starts the parts: the local cluster, TorchServe, and the files that containers use."""
