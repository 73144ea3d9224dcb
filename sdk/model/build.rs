//! Generates the Rust types of Beam's model from `proto/`, with no tools but Cargo.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let root = Path::new("proto");
    let mut sources = Vec::new();
    find_sources(root, &mut sources)?;
    // The order of a directory listing is the file system's own: the descriptors must not depend on it.
    sources.sort();

    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).open_files(sources)?;

    let mut config = prost_build::Config::new();
    config.btree_map(["."]).bytes(["."]);
    config.compile_fds(compiler.file_descriptor_set())?;

    // URNs are extensions of `EnumValueOptions`: only the encoded form of the descriptors keeps them.
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("descriptors.binpb"), compiler.encode_file_descriptor_set())?;
    Ok(())
}

/// Collects the interface definitions in and below `folder`.
fn find_sources(folder: &Path, sources: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_sources(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            sources.push(path);
        }
    }
    Ok(())
}
