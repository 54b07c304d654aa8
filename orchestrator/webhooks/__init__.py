"""Tells whoever asked to be told that a submission is final, by the Standard Webhooks specification."""
