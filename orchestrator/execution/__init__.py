"""Takes jobs, claims submissions, calls models, writes checkpoints."""
