"""stdin and stdout as the protocol uses them: the reader and the writer."""
