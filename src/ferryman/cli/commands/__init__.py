"""One module per command or small family; each function takes the context and gives the exit code."""
