"""Writing text with a network: the choice of characters, samples, conversations, and gaps."""
