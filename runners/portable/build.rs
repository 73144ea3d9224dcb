//! Generates the clients and servers of Beam's services; their messages are those of `ferrobeam-model`.

use prost::Message;
use std::error::Error;

/// The packages with services, and the module with their messages.
const PACKAGES: [(&str, &str); 4] = [
    ("fn_execution", "fn_execution"),
    ("job_management", "job_management"),
    ("pipeline", "pipeline"),
    ("expansion", "expansion"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let descriptors = prost_types::FileDescriptorSet::decode(ferrobeam_model::DESCRIPTORS)?;
    let mut builder = tonic_prost_build::configure().build_transport(true);
    for (package, module) in PACKAGES {
        builder =
            builder.extern_path(format!(".org.apache.beam.model.{package}.v1"), format!("::ferrobeam_model::{module}"));
    }
    builder.compile_fds(descriptors)?;
    Ok(())
}
