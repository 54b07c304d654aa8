"""What runs beside the jobs: the sweep, expiry, and the report of where models are served."""
