//! Where an engine finds workers, as Beam's messages.

use super::artifacts::Artifact;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{environments, protocols, transforms};
use prost::Message;
use std::collections::BTreeMap;

/// What workers can do that no component of a graph expresses. An engine uses what it knows of it.
const PROTOCOLS: [&str; 6] = [
    protocols::PROGRESS_REPORTING,
    protocols::WORKER_STATUS,
    protocols::MULTI_CORE_BUNDLE_PROCESSING,
    protocols::CONTROL_REQUEST_ELEMENTS_EMBEDDING,
    protocols::STATE_CACHING,
    transforms::TRUNCATE_SIZED_RESTRICTION,
];

/// A worker pool that runs already, `host:port`: that of the launcher itself (loopback), or one on each of the engine's hosts.
pub(crate) fn external(endpoint: &str) -> pb::Environment {
    let endpoint = Some(pb::ApiServiceDescriptor { url: endpoint.to_owned(), ..Default::default() });
    environment(environments::EXTERNAL, &pb::ExternalPayload { endpoint, params: BTreeMap::new() }, &[])
}

/// A command that the engine runs on its hosts, with arguments of its own and no shell; it fetches the artifacts.
pub(crate) fn process(command: &str, env: BTreeMap<String, String>, artifacts: &[Artifact]) -> pb::Environment {
    let payload = pb::ProcessPayload { command: command.to_owned(), env, ..Default::default() };
    environment(environments::PROCESS, &payload, artifacts)
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
        capabilities: PROTOCOLS.map(str::to_owned).to_vec(),
        ..Default::default()
    }
}
