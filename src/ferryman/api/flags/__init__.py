"""Feature flags over HTTP: for people, for client libraries, and by OFREP."""
