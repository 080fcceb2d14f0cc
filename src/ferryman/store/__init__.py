"""The event log, the only truth: one adapter a file behind `store.base.Store`."""
