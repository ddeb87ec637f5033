"""For whoever finds keys where they should not be."""
