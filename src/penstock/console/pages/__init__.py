"""The pages: each a function of what it shows, which asks for nothing itself."""
