//! The other end of staging: a worker fetches the program that it is to run.

use super::artifacts::{hex, io};
use super::connect::{connect, failed};
use crate::failure;
use crate::services::artifact_retrieval_service_client::ArtifactRetrievalServiceClient;
use ferrobeam_core::Result;
use ferrobeam_model::job_management as jobs;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{artifact_roles, artifact_types};
use prost::Message;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};

const SERVICE: &str = "artifact retrieval service";

/// Fetches the worker's program into a directory, executable; gives its path. One that is there already is not fetched.
///
/// `dependencies` are those of the provision info.
///
/// # Errors
/// There is none among them, the service does not give it, it cannot be written, or its SHA-256 is another.
pub(crate) async fn fetch_program(
    endpoint: &str,
    worker_id: &str,
    dependencies: &[pb::ArtifactInformation],
    directory: &Path,
) -> Result<PathBuf> {
    let id: MetadataValue<Ascii> =
        worker_id.parse().map_err(|_| failure(format!("`{worker_id}` cannot be the id of a worker")))?;
    // The server says how large a chunk is: Prism's are up to 128 MiB.
    let mut service =
        ArtifactRetrievalServiceClient::new(connect(SERVICE, endpoint).await?).max_decoding_message_size(usize::MAX);
    let question = jobs::ResolveArtifactsRequest {
        artifacts: dependencies.to_vec(),
        preferred_urns: vec![artifact_types::FILE.to_owned()],
    };
    let resolved = service.resolve_artifacts(with(&id, question)).await;
    let resolved = resolved.map_err(|s| failed(SERVICE, endpoint, "ResolveArtifacts", &s))?.into_inner().replacements;
    let artifact = choose(&resolved)?;
    let (name, sha256) = identity(artifact)?;

    let path = directory.join(&name);
    if hash_of(&path).is_some_and(|found| found == sha256) {
        return Ok(path);
    }
    fs::create_dir_all(directory).map_err(|e| io(&format!("cannot make `{}`", directory.display()), e))?;
    // Workers that start at once must not see each other's halves.
    let part = directory.join(format!("{name}.{}.part", std::process::id()));
    let asked = service.get_artifact(with(&id, jobs::GetArtifactRequest { artifact: Some(artifact.clone()) })).await;
    let mut chunks = asked.map_err(|s| failed(SERVICE, endpoint, "GetArtifact", &s))?.into_inner();
    let written = |e| io(&format!("cannot write the artifact `{name}` to `{}`", part.display()), e);
    let mut file = File::create(&part).map_err(written)?;
    let mut hash = Sha256::new();
    let fetched = async {
        while let Some(chunk) = chunks.message().await.map_err(|s| failed(SERVICE, endpoint, "GetArtifact", &s))? {
            hash.update(&chunk.data);
            file.write_all(&chunk.data).map_err(written)?;
        }
        let found = hex(&hash.finalize());
        if found != sha256 {
            return Err(failure(format!("the artifact `{name}` was damaged: its SHA-256 is {found}, not {sha256}")));
        }
        file.set_permissions(fs::Permissions::from_mode(0o755)).map_err(written)?;
        drop(file);
        fs::rename(&part, &path).map_err(written)
    };
    let fetched = fetched.await;
    if fetched.is_err() {
        // What went wrong is told; that the rest of it lies about is not worth a second error.
        let _ = fs::remove_file(&part);
    }
    fetched.map(|()| path)
}

/// The worker's program among all artifacts.
fn choose(artifacts: &[pb::ArtifactInformation]) -> Result<&pb::ArtifactInformation> {
    let program = artifacts.iter().find(|artifact| artifact.role_urn == artifact_roles::GO_WORKER_BINARY);
    program.or(if let [only] = artifacts { Some(only) } else { None }).ok_or_else(|| {
        let roles: Vec<_> = artifacts.iter().map(|artifact| artifact.role_urn.as_str()).collect();
        failure(format!("none of the {} artifacts is the worker's program: {roles:?}", artifacts.len()))
    })
}

/// Name and SHA-256: of the type's payload, or where an engine has lost it, of the name.
fn identity(artifact: &pb::ArtifactInformation) -> Result<(String, String)> {
    let role = pb::ArtifactStagingToRolePayload::decode(&artifact.role_payload[..]);
    let staged = role.map(|role| role.staged_name).unwrap_or_default();
    let is_file = artifact.type_urn == artifact_types::FILE;
    let file = if is_file { pb::ArtifactFilePayload::decode(&artifact.type_payload[..]).ok() } else { None };
    let hash = file.map(|file| file.sha256).filter(|hash| !hash.is_empty());
    let hash = hash.or_else(|| staged.rsplit_once('-').map(|(_, hash)| hash.to_owned()));
    let is_hash = |hash: &String| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    match hash.map(|hash| hash.to_ascii_lowercase()).filter(is_hash) {
        Some(hash) => Ok((format!("worker-{hash}"), hash)),
        None => Err(failure(format!("the artifact `{staged}` has no SHA-256: it was not staged by this SDK"))),
    }
}

fn hash_of(path: &Path) -> Option<String> {
    let (mut file, mut hash) = (File::open(path).ok()?, Sha256::new());
    let mut chunk = vec![0; 1 << 20];
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(hex(&hash.finalize())),
            length => hash.update(&chunk[..length]),
        }
    }
}

fn with<T>(worker_id: &MetadataValue<Ascii>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("worker_id", worker_id.clone());
    request
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::artifacts::Artifact;
    use crate::services::artifact_retrieval_service_server::{
        ArtifactRetrievalService, ArtifactRetrievalServiceServer,
    };
    use tokio::net::TcpListener;
    use tokio_stream::wrappers::{TcpListenerStream, UnboundedReceiverStream};
    use tonic::{Response, Status};

    #[test]
    fn a_hash_that_an_engine_loses_is_in_the_name() {
        let hash = "ab".repeat(32);
        let ours = Artifact { path: "/bin/it".into(), size: 1, sha256: hash.clone() }.information();
        assert_eq!(identity(&ours).unwrap(), (format!("worker-{hash}"), hash.clone()));
        let moved = pb::ArtifactFilePayload { path: "/elsewhere".into(), ..Default::default() };
        let lost = pb::ArtifactInformation { type_payload: moved.encode_to_vec().into(), ..ours.clone() };
        assert_eq!(identity(&lost).unwrap().1, hash);
        assert_eq!(choose(&[lost.clone(), ours.clone()]).unwrap(), &lost);
        let nameless = pb::ArtifactInformation { role_payload: Default::default(), ..lost };
        assert!(identity(&nameless).unwrap_err().to_string().contains("no SHA-256"));
        assert!(choose(&[]).is_err());
    }

    /// A service with one artifact.
    struct Service(Vec<u8>);

    #[tonic::async_trait]
    impl ArtifactRetrievalService for Service {
        type GetArtifactStream = UnboundedReceiverStream<Result<jobs::GetArtifactResponse, Status>>;

        async fn resolve_artifacts(
            &self,
            request: Request<jobs::ResolveArtifactsRequest>,
        ) -> Result<Response<jobs::ResolveArtifactsResponse>, Status> {
            let replacements = request.into_inner().artifacts;
            Ok(Response::new(jobs::ResolveArtifactsResponse { replacements }))
        }

        async fn get_artifact(
            &self,
            _: Request<jobs::GetArtifactRequest>,
        ) -> Result<Response<Self::GetArtifactStream>, Status> {
            let (sender, chunks) = tokio::sync::mpsc::unbounded_channel();
            sender.send(Ok(jobs::GetArtifactResponse { data: self.0.clone().into() })).unwrap();
            Ok(Response::new(UnboundedReceiverStream::new(chunks)))
        }
    }

    /// What comes of fetching an artifact of these bytes.
    async fn fetched(bytes: &[u8], information: pb::ArtifactInformation, directory: &Path) -> Result<PathBuf, String> {
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let endpoint = format!("localhost:{}", listener.local_addr().unwrap().port());
        let service = ArtifactRetrievalServiceServer::new(Service(bytes.to_vec()));
        let router = tonic::transport::Server::builder().add_service(service);
        let served = tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        let fetched = fetch_program(&endpoint, "worker", &[information], directory).await;
        served.abort();
        fetched.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_full_disk_is_told_with_path_and_reason() {
        let directory = tempfile::tempdir().unwrap();
        let bytes = b"a program";
        let sha256 = hex(&Sha256::digest(bytes));
        let artifact = Artifact { path: "/bin/it".into(), size: bytes.len() as u64, sha256: sha256.clone() };
        let part = directory.path().join(format!("worker-{sha256}.{}.part", std::process::id()));
        // The system's own device that is always full, where the program is about to be written.
        std::os::unix::fs::symlink("/dev/full", &part).unwrap();
        let told = fetched(bytes, artifact.information(), directory.path()).await.unwrap_err();
        let expected = format!("cannot write the artifact `worker-{sha256}` to `{}`: ", part.display());
        assert!(told.contains(&expected) && told.contains("No space left on device"), "{told}");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "no halves are left");
        let path = fetched(bytes, artifact.information(), directory.path()).await.unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        // Not fetched again, or it would be found to be another.
        assert_eq!(fetched(b"another", artifact.information(), directory.path()).await.unwrap(), path);
        fs::write(&path, "damaged").unwrap();
        let told = fetched(b"another", artifact.information(), directory.path()).await.unwrap_err();
        assert!(told.contains("was damaged: its SHA-256 is"), "{told}");
    }
}
