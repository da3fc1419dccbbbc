"""stdin and stdout as the protocol uses them: the guard, the reader, the writer."""
