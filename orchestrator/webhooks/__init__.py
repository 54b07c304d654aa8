"""Sends webhooks when submissions are final, as the Standard Webhooks specification describes."""
