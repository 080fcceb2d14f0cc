"""Who asks, and what they may: principals, tokens, sessions, sign-in."""
