"""Processing: pipeline, runner, claims, relay, sweeper, packaging."""
