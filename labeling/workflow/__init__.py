"""The verbs that the command line offers, each a short function over the rooms below it."""
