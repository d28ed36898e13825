"""What tests of several rooms share that is no fixture: each file says what it helps with."""
