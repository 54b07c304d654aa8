"""The web pages: the start page, the API's documentation, and a page for every kind of problem."""
