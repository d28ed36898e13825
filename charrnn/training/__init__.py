"""Learning from a text: settings, steps, optimizers, the run, online learning, and how far gradients reach."""
