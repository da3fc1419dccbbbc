"""The settings: their model, where they are loaded from, and the profiles."""
