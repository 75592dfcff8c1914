"""Training of virnucpro-mini, the small model that comes with virnucpro."""
