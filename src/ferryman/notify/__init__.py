"""Who is told: notices from events, and the channels that carry them."""
