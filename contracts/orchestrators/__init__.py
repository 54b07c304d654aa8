"""What an orchestrator reports of itself and of the models that it calls."""
