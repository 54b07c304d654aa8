"""The public REST API and the web page: takes submissions in, gives results out."""
