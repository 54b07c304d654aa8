"""Starts one TorchServe on a folder of model archives: `python -m deploy.torchserve`."""
