"""The web pages: the home page, the API's documentation, and a page for every kind of problem."""
