"""The post-mortem of a rollout: what the log and the measurements tell, as one page. Pure: the same log, the same page."""
