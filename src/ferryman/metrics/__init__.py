"""Where evidence comes from: one adapter a file behind `metrics.base.MetricsSource`."""
