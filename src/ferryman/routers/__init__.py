"""Who sees what: one adapter a file behind `routers.base.Router`."""
