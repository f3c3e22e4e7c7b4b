"""What the commands do, each in a short function over the packages below."""
