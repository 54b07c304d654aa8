"""What is as it is because of SecantusDB, the embedded database: as data. A real MongoDB would need none of it.

docs/decisions/0006-embedded-database.md gives the reasons and the figures. Beside this module there are
``gateway/adapters/mongo/secantus_windows.py`` (lists) and ``deploy/local/secantus`` (the watchdog, the disk guard).

- **Names of collections.** SecantusDB keeps a database's collections in 16 trees, by a hash of both names. A collection
  whose name sorts after ``images`` in the same tree ("workflows" was one) makes each image an insertion in mid-tree,
  and WiredTiger then tries in vain to evict the page before each of them: 9 ms instead of 1. A test holds them apart.
- **Expiry.** No index has a TTL: SecantusDB reads every collection with such an index as a whole, images included, once
  a minute, and all calls wait meanwhile (17 s and longer at 200,000 submissions). The orchestrators delete instead.
- **Sorts and limits** are not taken from an index: lists are read by windows of time, and a sample tells how wide.
"""

from __future__ import annotations

MONITORING_MODE = "poll"
"""The driver's ``serverMonitoringMode``. A monitor that keeps a streaming call open also keeps a snapshot open, behind
which SecantusDB cannot tidy its cache: it stands still once a fifth of that has changed."""

SAMPLE_INDEX = "a_sample_of_created_at"
SAMPLE: dict[str, dict[str, str]] = {"_id": {"$lt": "01"}}
SAMPLE_OF = 256
"""A second index on ``created_at`` that holds one submission in 256: ids are random, and begin with two hexadecimal
digits. It tells how dense a window is before it is read. SecantusDB takes the first index by name that serves a query,
so this name has to sort before the other index's; a query that does not ask for the sample cannot be served by it. Its
key descends, because MongoDB wants two indexes of one field to differ in more than their filters."""
