"""What can be configured (model), where it comes from (load), and the presets (profiles)."""
