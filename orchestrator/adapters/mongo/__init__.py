"""The orchestrator's ports on the MongoDB protocol, one file for each port."""
