"""What the addresses of v2 name, and under which headings /docs shows the calls."""

from __future__ import annotations

from flask_openapi3 import Tag
from pydantic import BaseModel, Field

SUBMISSIONS = Tag(name="Submissions", description="Send images in, and follow them to their results.")


class SubmissionPath(BaseModel):
    submission_id: str = Field(description="The submission's id.")
