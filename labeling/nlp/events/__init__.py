"""Events, as spans and relations found by rules over a parse: who did what to whom, where and when. See `component`."""
