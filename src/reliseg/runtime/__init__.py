"""The process: memory, threads, compiled code, files, progress."""
