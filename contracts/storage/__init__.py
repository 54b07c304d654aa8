"""Names, indexes and write concerns of the database, and parts of update pipelines."""
