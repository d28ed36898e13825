"""What makes NumPy, OpenBLAS and the C library take this processor for an older one, in a process of its own."""

import numpy as np


def without(*features):
    """Return what keeps NumPy from code for some features of this processor, by beginnings of their names."""
    own = np._core._multiarray_umath
    names = [name for name in own.__cpu_dispatch__ if own.__cpu_features__.get(name) and name.startswith(features)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(names)}


WITHOUT_AVX_512 = {"OPENBLAS_CORETYPE": "Haswell", **without("X86_V4", "AVX512")}
WITHOUT_AVX = {
    "OPENBLAS_CORETYPE": "Nehalem",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA",
    **without(""),
}
