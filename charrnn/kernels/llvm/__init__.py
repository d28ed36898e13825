"""The layer below the kernels; the only package that imports llvmlite. No other package emits LLVM code.

Whether LLVM vectorizes a loop by itself, and in which order it then sums, depends on the processor and on the version
of LLVM. Here a kernel says what each of 16 lanes does. So the order of summation is the same everywhere, and products
of few rows, which a recurrent network needs, are two to four times as fast as those of a general library.

Reading order: ``processor`` (its features), ``vector`` (16 floats as a type, their arithmetic and memory access),
``loop``, ``tile`` (the inner loop of every product), ``atomics`` (counters that threads share), ``float_mode``
(denormal numbers), ``compiler`` (Numba), ``cache`` (compiled code on disk); and ``peak`` (the processor's peak speed).
"""
