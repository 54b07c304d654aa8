"""A model's answers, its description, and its status: where it is served."""
