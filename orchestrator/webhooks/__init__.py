"""Sends webhooks when submissions are final, by the Standard Webhooks specification."""
