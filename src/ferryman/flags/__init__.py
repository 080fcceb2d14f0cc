"""Feature flags as people define them: compiled, planned and checked. Pure; what evaluates them is `ferryman_flags`."""
