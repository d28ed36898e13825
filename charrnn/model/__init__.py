"""A network with its parameters, the buffers of a window, a team of threads, and the model file."""
