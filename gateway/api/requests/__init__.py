"""From HTTP requests to values, with a sentence for each thing that can be wrong."""
