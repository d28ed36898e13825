"""Files that are written whole or not at all, private folders, and a safe .npz."""
