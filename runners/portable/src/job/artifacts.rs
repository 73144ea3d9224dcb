//! Staging: the program itself goes to the engine, which hands it to its workers.
//!
//! The engine asks and we answer, on a stream that runs the wrong way round: the call is ours, the requests are its own.

use super::client::Prepared;
use super::connect::{connect, failed};
use crate::failure;
use crate::services::artifact_staging_service_client::ArtifactStagingServiceClient;
use bytes::Bytes;
use ferrobeam_core::{Error, Result};
use ferrobeam_model::job_management as jobs;
use ferrobeam_model::pipeline as pb;
use ferrobeam_model::urns::{artifact_roles, artifact_types};
use jobs::artifact_request_wrapper::Request as Asked;
use jobs::artifact_response_wrapper::Response as Answer;
use prost::Message;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::ReceiverStream;

const SERVICE: &str = "artifact staging service";

const RPC: &str = "ReverseArtifactRetrievalService";

/// Bytes a message: below the 4 MiB that servers take by default.
const CHUNK: usize = 1 << 20;

/// How long the engine may take for one step: a chunk, or to ask.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where the program lies that runs now.
///
/// # Errors
/// The system does not say.
pub(crate) fn own_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|source| io("cannot find this program's own file", source))
}

/// A file that workers need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Artifact {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
}

impl Artifact {
    /// The program that runs now.
    ///
    /// # Errors
    /// It cannot be read: it was replaced since it started, or moved.
    pub(crate) fn this_program() -> Result<Artifact> {
        Artifact::of(&own_program()?)
    }

    /// A file.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn of(path: &Path) -> Result<Artifact> {
        let broken = |source| io(&format!("cannot read the artifact `{}`", path.display()), source);
        let mut reader = Reader::open(path).map_err(broken)?;
        let mut size = 0;
        loop {
            match reader.next().map_err(broken)?.len() {
                0 => return Ok(Artifact { path: path.to_owned(), size, sha256: reader.sha256() }),
                length => size += length as u64,
            }
        }
    }

    /// What the graph says of it.
    ///
    /// Java's job server takes the hash out of the type's payload when it has stored the file, and copies the role's. So
    /// the hash is in the name, too.
    pub(crate) fn information(&self) -> pb::ArtifactInformation {
        let path = self.path.display().to_string();
        let file = pb::ArtifactFilePayload { path, sha256: self.sha256.clone() };
        let role = pb::ArtifactStagingToRolePayload { staged_name: format!("worker-{}", self.sha256) };
        pb::ArtifactInformation {
            type_urn: artifact_types::FILE.to_owned(),
            type_payload: file.encode_to_vec().into(),
            role_urn: artifact_roles::GO_WORKER_BINARY.to_owned(),
            role_payload: role.encode_to_vec().into(),
        }
    }
}

/// Answers all that the engine asks about the artifacts of a prepared job; `on_progress` gets how much of one is sent.
///
/// # Errors
/// The engine breaks off, asks for what is none of the artifacts, or takes nothing for minutes; a file has changed.
pub(crate) async fn stage(
    prepared: &Prepared,
    artifacts: &[Artifact],
    mut on_progress: impl FnMut(&Artifact, u64),
) -> Result<()> {
    if artifacts.is_empty() {
        return Ok(());
    }
    let endpoint = &prepared.artifact_staging_endpoint;
    if endpoint.is_empty() {
        return Err(failure("the engine takes no artifacts: use the environment `external` or `loopback`"));
    }
    let channel = connect(SERVICE, endpoint).await?;
    let mut service = ArtifactStagingServiceClient::new(channel)
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX);
    let (answers, outgoing) = mpsc::channel(4);
    let token = prepared.staging_token.clone();
    let hello = jobs::ArtifactResponseWrapper { staging_token: token, ..Default::default() };
    // The channel has room for it.
    let _ = answers.try_send(hello);
    let call = service.reverse_artifact_retrieval_service(ReceiverStream::new(outgoing));
    let mut asked = in_time("to be asked", call).await?.map_err(|s| failed(SERVICE, endpoint, RPC, &s))?.into_inner();
    let mut last: Option<&Artifact> = None;
    loop {
        let next = in_time("to be asked", asked.message()).await?.map_err(|status| {
            let about = last.map_or_else(String::new, |a| format!(" (the last one was `{}`)", a.path.display()));
            failure(format!("staging artifacts broke off{about}: {}", failed(SERVICE, endpoint, RPC, &status)))
        })?;
        let Some(request) = next else { return Ok(()) };
        match request.request {
            Some(Asked::ResolveArtifact(unresolved)) => {
                // Each is what it is already: a file.
                let resolved = jobs::ResolveArtifactsResponse { replacements: unresolved.artifacts };
                let _ = send(&answers, Answer::ResolveArtifactResponse(resolved), false).await?;
            }
            Some(Asked::GetArtifact(wanted)) => {
                let artifact = find(artifacts, wanted.artifact.as_ref())?;
                last = Some(artifact);
                upload(artifact, &answers, |sent| on_progress(artifact, sent)).await?;
            }
            None => {
                return Err(failure(format!("the {SERVICE} at `{endpoint}` asks for what Beam 2.77 does not know")));
            }
        }
    }
}

/// Only what was offered is sent: an engine has no business with other files.
fn find<'a>(artifacts: &'a [Artifact], wanted: Option<&pb::ArtifactInformation>) -> Result<&'a Artifact> {
    let payload = wanted.filter(|wanted| wanted.type_urn == artifact_types::FILE).map(|wanted| &wanted.type_payload);
    let file = payload.and_then(|payload| pb::ArtifactFilePayload::decode(&payload[..]).ok());
    let path = file.map(|file| file.path).unwrap_or_default();
    let known = artifacts.iter().find(|artifact| artifact.path.display().to_string() == path);
    known.ok_or_else(|| failure(format!("the engine asks for the artifact `{path}`, which is none of this pipeline's")))
}

async fn upload(
    artifact: &Artifact,
    answers: &mpsc::Sender<jobs::ArtifactResponseWrapper>,
    mut on_progress: impl FnMut(u64),
) -> Result<()> {
    let name = artifact.path.display();
    let broken = |source| io(&format!("cannot read the artifact `{name}`"), source);
    let mut reader = Reader::open(&artifact.path).map_err(broken)?;
    let mut sent = 0;
    loop {
        let read = spawn_blocking(move || reader.next().map(|data| (reader, data))).await;
        let (used, data) = read.map_err(|e| failure(format!("reading the artifact `{name}`: {e}")))?.map_err(broken)?;
        reader = used;
        let length = data.len();
        if length == 0 && reader.sha256() != artifact.sha256 {
            return Err(failure(format!("the artifact `{name}` has changed while it was staged")));
        }
        // The last message is empty: Prism does not look at its data.
        let chunk = Answer::GetArtifactResponse(jobs::GetArtifactResponse { data });
        if !send(answers, chunk, length == 0).await? || length == 0 {
            // If nobody listens any more the stream says why.
            return Ok(());
        }
        sent += length as u64;
        on_progress(sent);
    }
}

/// Whether somebody still listens.
async fn send(to: &mpsc::Sender<jobs::ArtifactResponseWrapper>, answer: Answer, is_last: bool) -> Result<bool> {
    let wrapped = jobs::ArtifactResponseWrapper { is_last, response: Some(answer), ..Default::default() };
    Ok(in_time("to take what it asked for", to.send(wrapped)).await?.is_ok())
}

async fn in_time<T>(what: &str, doing: impl Future<Output = T>) -> Result<T> {
    let late = |_| failure(format!("staging artifacts: waited {PATIENCE:?} for the engine {what}"));
    tokio::time::timeout(PATIENCE, doing).await.map_err(late)
}

/// A file in chunks, hashed on the way.
struct Reader {
    file: File,
    hash: Sha256,
}

impl Reader {
    fn open(path: &Path) -> std::io::Result<Reader> {
        Ok(Reader { file: File::open(path)?, hash: Sha256::new() })
    }

    /// Empty at the end.
    fn next(&mut self) -> std::io::Result<Bytes> {
        let mut chunk = Vec::with_capacity(CHUNK);
        (&mut self.file).take(CHUNK as u64).read_to_end(&mut chunk)?;
        self.hash.update(&chunk);
        Ok(chunk.into())
    }

    fn sha256(&self) -> String {
        hex(&self.hash.clone().finalize())
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn io(what: &str, source: std::io::Error) -> Error {
    Error::Io { what: what.to_owned(), source }
}
