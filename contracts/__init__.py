"""What crosses between the processes, and nothing else. Pure: no socket, and no file but a workflow's text."""
