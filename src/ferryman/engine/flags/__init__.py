"""Feature flags as a controller keeps and serves them."""
