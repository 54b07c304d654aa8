"""What runs beside the jobs: the sweep, expiry, and the model status report."""
