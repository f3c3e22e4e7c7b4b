"""Label Studio: its labeling config, its tasks and annotations, its API, its server. Nothing else knows about it."""
