"""The filters of lists and exports: query parameters with a sentence for each thing that can be wrong."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from flask import request
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from contracts.errors import InvalidRequest
from contracts.submissions.states import SubmissionState
from gateway.api.requests.parsing import METADATA_KEYS, MetadataKey, MetadataValue, checked
from gateway.submissions.listing import Filters

METADATA = "metadata."

# RFC 3339, section 5.6. Where a "+" was not escaped, a blank came.
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+ -]\d\d:\d\d)")


def _time(value: object) -> object:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("Write a time as RFC 3339 does, with its zone: 2026-03-01T12:00:00Z")
    return value[:10] + "T" + value[11:].replace(" ", "+")


def _sane(value: datetime) -> datetime:
    try:
        value.timestamp()
    except (OverflowError, ValueError) as error:
        raise ValueError("This time is out of range") from error
    return value


Time = Annotated[datetime, BeforeValidator(_time), AfterValidator(_sane)]


class FilterQuery(BaseModel):
    """What is listed. ``metadata.<name>`` is a filter too, which a model of fixed names cannot say."""

    state: SubmissionState | None = Field(default=None, description="Only those in this state.")
    workflow: str | None = Field(
        default=None, min_length=1, max_length=64, description="Only those of this workflow, in any version."
    )
    created_after: Time | None = Field(default=None, description="Only those created at this time or later.")
    created_before: Time | None = Field(default=None, description="Only those created before this time.")

    def filters(self) -> Filters:
        """Return the filters of the request at hand. Raises InvalidRequest for one that there is not."""
        metadata: dict[str, Any] = {}
        for name, values in request.args.lists():
            if len(values) > 1:
                raise InvalidRequest(f"The parameter {name[:64]!r} came twice. Send it once.")
            value = values[0]
            if name.startswith(METADATA):
                metadata[name.removeprefix(METADATA)] = value
            elif name not in type(self).model_fields:
                known = ", ".join([*type(self).model_fields, "metadata.<name>"])
                raise InvalidRequest(f"There is no parameter {name[:64]!r} here. There are: {known}.")
        return Filters(
            state=self.state,
            workflow=self.workflow,
            created_after=self.created_after,
            created_before=self.created_before,
            metadata=checked(_Metadata, {"metadata": metadata}).metadata,
        )


class _Metadata(BaseModel):
    metadata: dict[MetadataKey, MetadataValue] = Field(max_length=METADATA_KEYS)
