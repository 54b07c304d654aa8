"""The orchestrator's calls to model servers, one file per protocol."""
