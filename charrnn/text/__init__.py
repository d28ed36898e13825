"""What a symbol is, and how texts are read: files, folders, pipes, large texts, streams."""
