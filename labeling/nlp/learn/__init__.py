"""What reviewed documents teach: spans, what of the shipped knowledge holds, relations, and how sure to be."""
