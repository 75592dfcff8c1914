"""Training of virnucpro-mini, the small model pair that comes with virnucpro."""
