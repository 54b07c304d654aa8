"""The orchestrator's port that sends webhooks, over HTTP, to addresses that were checked."""
