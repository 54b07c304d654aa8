"""The values that cross between processes. Pure: no socket, and no file except a workflow's text."""
