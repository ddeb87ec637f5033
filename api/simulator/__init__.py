"""The simulated network over HTTP: what a person would do on a phone, and what goes wrong on a line."""
