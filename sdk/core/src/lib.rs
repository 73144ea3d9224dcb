//! All that a pipeline's author names. No threads, sockets or clock; no runner.
