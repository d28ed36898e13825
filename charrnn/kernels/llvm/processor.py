"""The features of the processor that code is compiled for."""

import llvmlite.binding
from numba import config

X86 = llvmlite.binding.get_process_triple().startswith(("x86_64", "i686", "amd64"))
ARM = llvmlite.binding.get_process_triple().startswith(("aarch64", "arm64"))


def processor_features(override: str | None) -> dict[str, bool]:
    """Return the target processor's features, by LLVM's names.

    It is this machine's, unless `override`, from NUMBA_CPU_FEATURES, lists others, such as ``+avx2,+fma,-avx512f``.
    """
    if override is None:
        return dict(llvmlite.binding.get_host_cpu_features())
    return {name[1:]: name[0] == "+" for name in override.split(",") if name}


FEATURES = processor_features(getattr(config, "CPU_FEATURES", None))
