"""Training on a text: settings, steps, optimizers, runs, online learning, and how far back gradients reach."""
