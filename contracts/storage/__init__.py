"""Names, indexes and write concerns of the database, and the parts of its update pipelines."""
