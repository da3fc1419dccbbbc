"""Whether a file can be executed, and if not, why and what to do: before a launch, after one that failed, and for `doctor`."""
