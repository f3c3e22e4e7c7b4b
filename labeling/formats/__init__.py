"""Tokenised documents → the files that people train with: one small module a format, all in `registry.FORMATS`."""
