"""What all tests share, each thing once: fakes, factories, proxies, and the helpers that start clusters."""
