"""The benchmark suite: ``python -m tests.benchmarks``. Each figure stands beside a floor or a peer of the same run."""
