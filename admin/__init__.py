"""What an operator asks of a running system: ``python -m admin --help``."""
