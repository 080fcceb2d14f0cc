"""Release file to model; every error at once, each with its place."""
