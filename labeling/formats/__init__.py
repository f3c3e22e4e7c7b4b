"""Tokenized documents → training files of other tools: a small module for each format, all in `registry.FORMATS`."""
