"""One stream of server-sent events: what happened, and what services look like now."""
