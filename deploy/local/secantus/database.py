"""The embedded database: SecantusDB, a process that speaks MongoDB's protocol."""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.local.parts import Part
from deploy.local.ports import HOST
from deploy.local.secantus.account import database_password, url_with_password
from deploy.local.settings import CHECKOUT, ClusterSettings

CONFIGURATION = "# Every setting is on the command line.\n"

# The server passes this text unchanged into WiredTiger's configuration. A thread that commits first helps to evict
# pages from a full cache. It holds the server's lock meanwhile, by default for as long as eviction takes: for ever,
# when the snapshot that blocks eviction belongs to a thread that waits for the same lock. So the thread waits 20 ms at
# most, and the cache can hold many changes before a thread has to evict.
# Options: https://source.wiredtiger.com/develop/struct_w_t___c_o_n_n_e_c_t_i_o_n.html#reconfigure
STORAGE_ENGINE = (
    "2G,cache_max_wait_ms=20,eviction_dirty_target=10,eviction_dirty_trigger=70,eviction_updates_target=10,"
    "eviction_updates_trigger=70"
)


def database_folder(home: Path) -> Path:
    """Return where the database of the cluster in ``home`` keeps its files."""
    return home / "database"


def database_url(settings: ClusterSettings) -> str:
    """Return the URL with credentials of the embedded database; make its password where there is none."""
    return url_with_password(settings.ports.mongo, database_password(database_folder(settings.home)))


def watchdog_part(settings: ClusterSettings, url: str) -> Part:
    """Return the watchdog, which ends a database that runs and does not answer."""
    return Part(
        name="watchdog",
        command=(
            *(sys.executable, "-m", "deploy.local.secantus.watchdog"),
            *("--home", str(settings.home)),
        ),
        directory=CHECKOUT,
        # The URL has a password, which a command line would show to every user.
        environment={"PYTHONUNBUFFERED": "1", "SHOWCASE_MONGO_URL": url},
        needs=frozenset({"database"}),
    )


def database_part(settings: ClusterSettings) -> Part:
    """Return the database, which asks for a password. A journaled write is on the disk when it is acknowledged.

    Without ``--sync-on-commit``, which would flush after every write, also where a journaled write follows.
    """
    folder = database_folder(settings.home)
    return Part(
        name="database",
        command=(
            *(sys.executable, "-m", "deploy.local.secantus.disk_guard", "--folder", str(folder), "--"),
            *(sys.executable, "-m", "deploy.local.secantus.account", "--folder", str(folder)),
            *("--port", str(settings.ports.mongo), "--"),
            sys.executable,
            str(Path(sys.executable).with_name("secantusd-py")),
            # Without this file, the server would read one in the user's own folder.
            *("--config", str(folder / "secantusd.toml")),
            *("--host", HOST),
            *("--storage-path", str(folder / "data")),
            *("--log-level", "WARNING"),
            *("--cache-size", STORAGE_ENGINE),
            "--standalone",
        ),
        directory=CHECKOUT,
        # Changed pages stay in the cache until a checkpoint; when they are a fifth of it, every client waits. Images
        # are large: with a checkpoint every few seconds instead of every minute, they stay far below that.
        environment={"PYTHONUNBUFFERED": "1", "SECANTUS_CHECKPOINT_SECONDS": "5"},
        ports=(settings.ports.mongo,),
        folders=(folder / "data",),
        files={folder / "secantusd.toml": (CONFIGURATION, 0o600)},
        # It does not interrupt a long query to stop. Its journal makes a kill harmless.
        stop_wait_seconds=6,
    )
