"""Outlines FLAIR abnormality in a slice of a brain MRI."""
