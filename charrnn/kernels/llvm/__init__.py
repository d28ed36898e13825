"""The floor under the kernels: what emits LLVM code, compiles it and keeps it. The only room that knows llvmlite."""
