"""A worked example of a model service: how bright is this picture?"""
