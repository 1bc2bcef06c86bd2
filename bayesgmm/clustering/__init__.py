"""What the clusters say about rows: who belongs where, and what is odd."""
