"""The gateway's ports on MongoDB's protocol, one file per port."""
