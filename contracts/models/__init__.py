"""A model's answers, its description, its versions' order, and its status: where it is served."""
