"""What exists only because the embedded database is SecantusDB: its settings, its watchdog, its disk guard.

``contracts/storage/secantus.py`` says the same of the documents. A cluster with SHOWCASE_MONGO_URL starts none of it.
"""
