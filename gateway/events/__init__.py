"""What happens to a submission, told to the clients that wait for it."""
