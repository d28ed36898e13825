"""The constants of the optimizers, by the names that the naive twins have for them."""

CONSTANTS = {
    "adam": {"momentum": "beta1", "decay": "beta2", "epsilon": "epsilon"},
    "rmsprop": {"decay": "rho", "epsilon": "epsilon"},
    "adagrad": {"epsilon": "epsilon"},
    "sgd": {"momentum": "momentum"},
}
