"""The floor under the kernels: the only package that knows llvmlite. Nothing above it emits code.

What it buys: whether LLVM vectorizes a loop by itself, and in which order it then sums, depends on the processor and on
the version; here a kernel says what each of 16 lanes does. So there is one order of summation everywhere, and products
of few rows, which is what a recurrent network has, are two to four times as fast as a general library's.

Reading order: ``processor`` (what it can do), ``vector`` (16 floats as a type, their arithmetic and memory), ``loop``,
``tile`` (the inner loop of every product), ``atomics`` (what threads share), ``float_mode`` (denormal numbers),
``compiler`` (Numba), ``cache`` (compiled code on disk); aside, ``peak`` (the most that the processor can do).
"""
