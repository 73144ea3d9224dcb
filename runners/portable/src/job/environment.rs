//! Where an engine finds workers, as Beam's messages.

use super::artifacts::Artifact;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::environments;
use prost::Message;
use std::collections::BTreeMap;

/// A worker pool that runs already, `host:port`: that of the launcher itself (loopback), or one on each of the engine's hosts.
pub(crate) fn external(endpoint: &str) -> pb::Environment {
    let endpoint = Some(pb::ApiServiceDescriptor { url: endpoint.to_owned(), ..Default::default() });
    environment(environments::EXTERNAL, &pb::ExternalPayload { endpoint, params: BTreeMap::new() }, &[])
}

/// A command that the engine runs on its hosts, with arguments of its own and no shell; it fetches the program.
pub(crate) fn process(command: &str, env: BTreeMap<String, String>, program: &Artifact) -> pb::Environment {
    let payload = pb::ProcessPayload { command: command.to_owned(), env, ..Default::default() };
    environment(environments::PROCESS, &payload, std::slice::from_ref(program))
}

/// A container that the engine starts from an image; it fetches the program.
pub(crate) fn docker(image: &str, program: &Artifact) -> pb::Environment {
    let payload = pb::DockerPayload { container_image: image.to_owned() };
    environment(environments::DOCKER, &payload, std::slice::from_ref(program))
}

fn environment(urn: &str, payload: &impl Message, artifacts: &[Artifact]) -> pb::Environment {
    pb::Environment {
        urn: urn.to_owned(),
        payload: payload.encode_to_vec().into(),
        dependencies: artifacts.iter().map(Artifact::information).collect(),
        ..Default::default()
    }
}
