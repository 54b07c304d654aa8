"""The resources of v2: their schemas, and how they are built. Pure."""
