"""What the command line calls while it logs in: bearer of an OAuth access token, not of a key."""
