"""Vocabularies, and texts read from files, folders and pipes: as a corpus, in blocks, or in windows."""
