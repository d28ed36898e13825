"""Writing text with a network: how a character is chosen, samples, conversations, gaps."""
