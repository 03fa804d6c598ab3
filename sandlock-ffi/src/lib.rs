//! The C library. It arrives with the C interface; the crate exists so that the workspace builds.
