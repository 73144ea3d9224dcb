//! What a worker gets to know from its engine before it works: the endpoints, the options, the program's artifacts.

use super::arguments::Contract;
use crate::failure;
use crate::harness::Endpoints;
use crate::job::connect::{connect, failed};
use crate::job::options;
use crate::services::provision_service_client::ProvisionServiceClient;
use ferrobeam_core::{Error, Result};
use ferrobeam_model::fn_execution as pb;
use ferrobeam_model::pipeline::{ApiServiceDescriptor, ArtifactInformation};
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use std::fs;
use std::path::Path;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};

const SERVICE: &str = "provision service";

/// What a worker needs.
pub(super) struct Provision {
    pub(super) endpoints: Endpoints,
    /// Where artifacts are fetched.
    pub(super) artifact: Option<String>,
    pub(super) dependencies: Vec<ArtifactInformation>,
    /// All options of the job.
    options: Struct,
}

impl Provision {
    /// Asks the engine, or reads what a boot program that asked it has left.
    ///
    /// # Errors
    /// The engine cannot be reached, does not know the worker, or leaves something out.
    pub(super) async fn get(contract: &Contract) -> Result<Provision> {
        let info = match (&contract.provision, &contract.options_file) {
            (Some(endpoint), _) => ask(endpoint, &contract.id).await?,
            (None, Some(path)) => pb::ProvisionInfo { pipeline_options: Some(read(path)?), ..Default::default() },
            (None, None) => return Err(failure("nobody says what the job's options are")),
        };
        let url = |service: Option<ApiServiceDescriptor>, argument: &Option<String>| {
            let told = service.map(|service| service.url).filter(|url| !url.is_empty());
            told.or_else(|| argument.clone())
        };
        let needed = |what: &str, url: Option<String>| {
            url.ok_or_else(|| failure(format!("the engine does not say where its {what} service is")))
        };
        Ok(Provision {
            endpoints: Endpoints {
                control: needed("control", url(info.control_endpoint, &contract.control))?,
                logging: needed("logging", url(info.logging_endpoint, &contract.logging))?,
                status: url(info.status_endpoint, &contract.status),
            },
            artifact: url(info.artifact_endpoint, &contract.artifact),
            dependencies: info.dependencies,
            options: info.pipeline_options.unwrap_or_default(),
        })
    }

    /// The pipeline's own options.
    ///
    /// # Errors
    /// The job is none of this SDK's.
    pub(super) fn own_options(&self) -> Result<serde_json::Value> {
        options::ours(&self.options)
    }
}

async fn ask(endpoint: &str, id: &str) -> Result<pb::ProvisionInfo> {
    let id: MetadataValue<Ascii> = id.parse().map_err(|_| failure(format!("`{id}` cannot be the id of a worker")))?;
    let mut service = ProvisionServiceClient::new(connect(SERVICE, endpoint).await?);
    service = service.max_decoding_message_size(usize::MAX);
    let mut request = Request::new(pb::GetProvisionInfoRequest {});
    request.metadata_mut().insert("worker_id", id);
    let answer = service.get_provision_info(request).await;
    let answer = answer.map_err(|status| failed(SERVICE, endpoint, "GetProvisionInfo", &status))?.into_inner();
    answer.info.ok_or_else(|| failure(format!("the {SERVICE} at `{endpoint}` knows nothing of this worker")))
}

/// The file holds an object; of its members only texts matter here.
fn read(path: &Path) -> Result<Struct> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|source| Error::Io { what: format!("cannot read the pipeline options in `{shown}`"), source })?;
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)
        .map_err(|e| failure(format!("the pipeline options in `{shown}` are no JSON: {e}")))?;
    let text = |value: serde_json::Value| value.as_str().map(|text| Kind::StringValue(text.to_owned()));
    let fields = members.into_iter().filter_map(|(name, value)| Some((name, Value { kind: Some(text(value)?) })));
    Ok(Struct { fields: fields.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn options_come_by_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipeline_options.json");
        let known = Default::default();
        let sent = options::to_struct(&serde_json::json!({"n": 3}), "job", &known, &[]).unwrap();
        let text = |value: &Value| match &value.kind {
            Some(Kind::StringValue(text)) => text.clone(),
            other => panic!("{other:?}"),
        };
        let mut members: serde_json::Map<_, _> =
            sent.fields.iter().map(|(name, value)| (name.clone(), text(value).into())).collect();
        members.insert("beam:option:parallelism:v1".to_owned(), 1.0.into());
        fs::write(&path, serde_json::Value::from(members).to_string()).unwrap();
        let contract = Contract {
            id: "w".to_owned(),
            control: Some("c:1".to_owned()),
            logging: Some("l:1".to_owned()),
            options_file: Some(path.clone()),
            ..Contract::default()
        };
        let provision = Provision::get(&contract).await.unwrap();
        assert_eq!(provision.own_options().unwrap(), serde_json::json!({"n": 3}));
        assert_eq!((provision.endpoints.control.as_str(), provision.endpoints.logging.as_str()), ("c:1", "l:1"));
        fs::write(&path, "{").unwrap();
        assert!(Provision::get(&contract).await.is_err_and(|e| e.to_string().contains("no JSON")));
    }
}
