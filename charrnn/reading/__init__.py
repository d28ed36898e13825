"""Reading a text with a network: scores, copied passages, and what the units follow."""
