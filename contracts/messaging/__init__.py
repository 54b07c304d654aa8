"""Job messages, and the exchanges and queues that carry them."""
