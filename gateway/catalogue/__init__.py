"""The models and workflows that are published here, and what is known of each."""
