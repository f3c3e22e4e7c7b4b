"""Who did what to whom, where and when: spans and relations by rules over a parse. See `component`."""
