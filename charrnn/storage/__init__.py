"""Atomic file replacement, private cache folders, and a safe reader and writer of .npz files."""
