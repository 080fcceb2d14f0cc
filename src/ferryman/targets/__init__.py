"""Where instances run: one adapter a file behind `targets.base.Target`."""
