"""A student's file with the vanilla network, an LSTM and a GRU, as steps in NumPy."""

CELLS = """\
import numpy as np


def logistic(z):
    return 1 / (1 + np.exp(-z))


def rnn(x, h, *, U, W, b):
    return np.tanh(x @ U + h @ W + b)


def lstm(x, h, c, *, U_i, U_f, U_o, U_g, W_i, W_f, W_o, W_g, b_i, b_f="hidden = 1", b_o, b_g):
    i = logistic(x @ U_i + h @ W_i + b_i)
    f = logistic(x @ U_f + h @ W_f + b_f)
    o = logistic(x @ U_o + h @ W_o + b_o)
    g = np.tanh(x @ U_g + h @ W_g + b_g)
    c = f * c + i * g
    return o * np.tanh(c), c


def gru(x, h, *, U_n, U_r, U_z, W_r, W_z, W_n, b_n, b_r, b_z, b_hn):
    r = logistic(x @ U_r + h @ W_r + b_r)
    z = logistic(x @ U_z + h @ W_z + b_z)
    n = np.tanh(x @ U_n + b_n + r * (h @ W_n + b_hn))
    return z * h + (1 - z) * n


def wide(x, h, *, U="input 2*hidden", W="hidden 2*hidden", b="2*hidden", alpha="hidden = 0.5"):
    z, n = np.split(x @ U + h @ W + b, 2, axis=1)
    z = logistic(z)
    return (1 - alpha * z) * h + alpha * z * np.tanh(n)
"""
