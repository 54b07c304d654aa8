"""A worked example of a model service: it says how bright a picture is."""
