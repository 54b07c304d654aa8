"""The workflows' aliases in MongoDB, as an operator reads and changes them."""

from __future__ import annotations

from contracts.storage import layout
from runtime.mongo import Database, translated


class MongoAliases:
    """The alias store on MongoDB's protocol. Each change is one update of one document."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._aliases = database.journaled(layout.WORKFLOW_ALIASES)

    def aliases(self, workflows: list[str]) -> dict[str, dict[str, str]]:
        return self._database.aliases(workflows)

    def set_alias(self, workflow: str, alias: str, version: str) -> None:
        with translated():
            self._aliases.update_one({"_id": workflow}, {"$set": {f"aliases.{alias}": version}}, upsert=True)

    def remove_alias(self, workflow: str, alias: str) -> bool:
        with translated():
            change = {"$unset": {f"aliases.{alias}": ""}}
            return self._aliases.update_one({"_id": workflow}, change).modified_count == 1
