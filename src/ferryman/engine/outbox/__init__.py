"""What is still to be told: notices read from the log, queued for each channel, sent, and what became of them."""
