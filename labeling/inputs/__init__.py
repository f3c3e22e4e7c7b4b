"""Paths, folders, standard input, pipes and archives → named streams of bytes, for articles and exports alike."""
