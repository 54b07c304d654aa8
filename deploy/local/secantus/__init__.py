"""What exists only because the embedded database is SecantusDB: its settings, account, watchdog and disk guard.

``contracts/storage/secantus.py`` is the same for the stored documents. With SHOWCASE_MONGO_URL none of it runs.
"""
