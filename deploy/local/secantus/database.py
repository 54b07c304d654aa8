"""The embedded database: SecantusDB, a process that speaks MongoDB's protocol."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.local.parts import Part
from deploy.local.ports import HOST
from deploy.local.settings import CHECKOUT, ClusterSettings

CONFIGURATION = "# All that is set is on the command line.\n"

# The server hands this text on, as it is, into WiredTiger's configuration. A thread that commits helps to tidy a full
# cache first, holding the server's lock, and by default for as long as that takes: for ever, when the snapshot that
# is in the way belongs to a thread that waits for that same lock. So it may wait for a moment only, and the cache may
# hold many changes before anybody has to.
# Options: https://source.wiredtiger.com/develop/struct_w_t___c_o_n_n_e_c_t_i_o_n.html#reconfigure
STORAGE_ENGINE = (
    "2G,cache_max_wait_ms=20,eviction_dirty_target=10,eviction_dirty_trigger=70,eviction_updates_target=10,"
    "eviction_updates_trigger=70"
)


def watchdog_part(settings: ClusterSettings) -> Part:
    """Return what ends the database when it lives and answers nobody."""
    return Part(
        name="watchdog",
        command=(
            *(sys.executable, "-m", "deploy.local.secantus.watchdog"),
            *("--home", str(settings.home), "--url", settings.mongo_url_in_use),
        ),
        directory=CHECKOUT,
        environment={"PYTHONUNBUFFERED": "1"},
        needs=frozenset({"database"}),
    )


def database_part(settings: ClusterSettings) -> Part:
    """Return the database. A write that asks for the journal is on the disk when it is acknowledged.

    Without ``--sync-on-commit``: that would flush for every write, also for those that a journaled one follows.
    """
    folder = settings.home / "database"
    return Part(
        name="database",
        command=(
            *(sys.executable, "-m", "deploy.local.secantus.disk_guard", "--folder", str(folder), "--"),
            sys.executable,
            str(Path(sys.executable).with_name("secantusd-py")),
            # Without a file of ours, one in the user's own folder would count.
            *("--config", str(folder / "secantusd.toml")),
            *("--host", HOST, "--port", str(settings.ports.mongo)),
            *("--storage-path", str(folder / "data")),
            *("--log-level", "WARNING"),
            *("--cache-size", STORAGE_ENGINE),
            "--standalone",
        ),
        directory=CHECKOUT,
        # Changed pages that wait for a checkpoint fill its cache; once a fifth of it, every client waits with them.
        # Images are large: a checkpoint every few seconds instead of every minute keeps that far away.
        environment={"PYTHONUNBUFFERED": "1", "SECANTUS_CHECKPOINT_SECONDS": "5"},
        ports=(settings.ports.mongo,),
        folders=(folder / "data",),
        files={folder / "secantusd.toml": (CONFIGURATION, 0o600)},
        # It may be in the middle of a long query, which it does not leave; its journal makes a kill harmless.
        stop_wait_seconds=6,
    )
