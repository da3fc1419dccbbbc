"""What is watched and remembered about a run: output, crashes."""
