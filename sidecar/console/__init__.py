"""The command-line tools. Each is a client of a real sidecar over stdin and stdout."""
