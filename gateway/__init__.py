"""The public REST API and the web page: accepts submissions and serves results."""
