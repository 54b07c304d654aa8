"""The orchestrator's calls to model servers, one file for each protocol."""
