"""Decides whether a slice of a brain MRI shows FLAIR abnormality."""
