"""Paths, folders, standard input, pipes and archives → named streams of bytes. Articles and exports are read by it."""
