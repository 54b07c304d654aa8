"""What every process needs to run: settings, logs, the clock, and connections to the database and the broker."""
