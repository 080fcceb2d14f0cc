"""A strategy compiles a release to a plan: one file each. Pure."""
