"""Where instances run: one adapter a file or folder behind `targets.base.Target`."""
