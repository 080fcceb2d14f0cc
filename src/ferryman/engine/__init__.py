"""The loop: claim, observe, decide, append, converge, sleep. The only room that knows all ports."""
