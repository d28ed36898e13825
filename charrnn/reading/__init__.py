"""What a network makes of a text: scores, copied parts, and what its units follow."""
