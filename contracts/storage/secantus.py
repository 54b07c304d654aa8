"""Constants that exist because of SecantusDB, the embedded database. A real MongoDB would need none of them.

docs/decisions/0006-embedded-database.md gives the reasons and the figures. Other code that exists because of SecantusDB
is in ``gateway/adapters/mongo/secantus_windows.py`` (lists), ``gateway/adapters/mongo/secantus_census.py`` (the quota)
and ``deploy/local/secantus`` (watchdog, disk guard).

- **Names of collections.** SecantusDB keeps a database's collections in 16 trees, by a hash of both names. A collection
  whose name sorts after ``images`` in the same tree ("workflows" was one) makes each image an insertion in mid-tree,
  and WiredTiger then tries in vain to evict the page before each of them: 9 ms instead of 1. A test checks the names.
- **Expiry.** No index has a TTL: once a minute SecantusDB reads every collection with such an index completely, images
  included, and all calls wait meanwhile (17 s and longer at 200,000 submissions). The orchestrators delete instead.
- **Sorts and limits** do not use an index: lists are read in windows of time, and a sample shows how wide to read.
"""

from __future__ import annotations

MONITORING_MODE = "poll"
"""The driver's ``serverMonitoringMode``. A monitor with a streaming call open also keeps a snapshot open, which stops
SecantusDB from cleaning its cache: it stalls once a fifth of the cache has changed."""

SAMPLE_INDEX = "a_sample_of_created_at"
SAMPLE: dict[str, dict[str, str]] = {"_id": {"$lt": "01"}}
SAMPLE_OF = 256
"""A second index on ``created_at`` that holds one submission in 256: ids are random, and begin with two hexadecimal
digits. It shows how dense a window is before the window is read. SecantusDB uses the first index by name that serves a
query, so this name has to sort before the other index's; only queries for the sample can use this one. Its key is
descending, because MongoDB requires two indexes of one field to differ in more than their filters."""
