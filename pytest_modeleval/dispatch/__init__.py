"""Many requests: bounded, retried, watched, cancellable. Decides in pure functions, does I/O only through client."""
