//! What all runners share, on random pipelines.

mod explain;
mod fuse;
