"""What a backend's process goes through under this product and under what else apps use; ``python -m tests.comparison``."""
