//! Where user code runs, what is brought there, and what it can do.

urns! {
    /// Places where user code runs.
    environments {
        "pipeline.v1.StandardEnvironments.Environments":
        /// A container that the engine starts; payload `DockerPayload`.
        DOCKER = "beam:env:docker:v1";
        /// A command that the engine starts on its own hosts; payload `ProcessPayload`.
        PROCESS = "beam:env:process:v1";
        /// A worker pool that somebody else started; payload `ExternalPayload`.
        EXTERNAL = "beam:env:external:v1";
        /// Whatever the runner provides.
        DEFAULT = "beam:env:default:v1";
        /// One of several, at the runner's choice; payload `AnyOfEnvironmentPayload`.
        ANYOF = "beam:env:anyof:v1";
    }

    /// Capabilities that no component of the graph expresses.
    protocols {
        "pipeline.v1.StandardProtocols.Enum":
        /// The SDK reports progress in the old metrics message.
        LEGACY_PROGRESS_REPORTING = "beam:protocol:progress_reporting:v0";
        /// The SDK reports progress in monitoring infos.
        PROGRESS_REPORTING = "beam:protocol:progress_reporting:v1";
        /// The SDK answers requests for a worker's status.
        WORKER_STATUS = "beam:protocol:worker_status:v1";
        /// The SDK uses several cores for bundles that run at once.
        MULTI_CORE_BUNDLE_PROCESSING = "beam:protocol:multi_core_bundle_processing:v1";
        /// The SDK starts more workers in the same environment cheaply.
        SIBLING_WORKERS = "beam:protocol:sibling_workers:v1";
        /// The SDK reports metrics of the whole process, apart from bundles.
        HARNESS_MONITORING_INFOS = "beam:protocol:harness_monitoring_infos:v1";
        /// The SDK takes elements inside the request that starts a bundle.
        CONTROL_REQUEST_ELEMENTS_EMBEDDING = "beam:protocol:control_request_elements_embedding:v1";
        /// The SDK keeps state and side inputs in memory from one bundle to the next.
        STATE_CACHING = "beam:protocol:state_caching:v1";
        /// The SDK hands out samples of the elements that pass.
        DATA_SAMPLING = "beam:protocol:data_sampling:v1";
        /// The SDK says whether a bundle still consumes data it was sent.
        SDK_CONSUMING_RECEIVED_DATA = "beam:protocol:sdk_consuming_received_data:v1";
        /// The SDK uses ordered list state.
        ORDERED_LIST_STATE = "beam:protocol:ordered_list_state:v1";
        /// The SDK carries metadata of elements (draining, tracing, kind of change).
        ELEMENT_METADATA = "beam:protocol:element_metadata:v1";
        /// The SDK uses multimap state.
        MULTIMAP_STATE = "beam:protocol:multimap_state:v1";
        /// The SDK takes a bundle's data from the stream that the request names.
        NAMED_DATA_STREAMS = "beam:protocol:named_data_streams:v1";

        "pipeline.v1.StandardRunnerProtocols.Enum":
        /// The runner resolves short ids of monitoring infos.
        MONITORING_INFO_SHORT_IDS = "beam:protocol:monitoring_info_short_ids:v1";
        /// The runner takes elements inside the response that ends a bundle.
        CONTROL_RESPONSE_ELEMENTS_EMBEDDING = "beam:protocol:control_response_elements_embedding:v1";
        /// The runner answers requests for all keys and values of a multimap side input.
        MULTIMAP_KEYS_VALUES_SIDE_INPUT = "beam:protocol:multimap_keys_values_side_input:v1";
    }

    /// Where an artifact comes from.
    artifact_types {
        "pipeline.v1.StandardArtifacts.Types":
        /// A path; payload `ArtifactFilePayload`.
        FILE = "beam:artifact:type:file:v1";
        /// An address to download from; payload `ArtifactUrlPayload`.
        URL = "beam:artifact:type:url:v1";
        /// The bytes themselves; payload `EmbeddedFilePayload`.
        EMBEDDED = "beam:artifact:type:embedded:v1";
        /// A package of the Python package index; payload `PyPiPayload`.
        PYPI = "beam:artifact:type:pypi:v1";
        /// A package of a Maven repository; payload `MavenPayload`.
        MAVEN = "beam:artifact:type:maven:v1";
        /// To be resolved by whoever made the reference; payload `DeferredArtifactPayload`.
        DEFERRED = "beam:artifact:type:deferred:v1";
    }

    /// What an artifact is for.
    artifact_roles {
        "pipeline.v1.StandardArtifacts.Roles":
        /// A file that workers find under a given name; payload `ArtifactStagingToRolePayload`.
        STAGING_TO = "beam:artifact:role:staging_to:v1";
        /// A list of Python packages to install.
        PIP_REQUIREMENTS_FILE = "beam:artifact:role:pip_requirements_file:v1";
        /// The executable that the Go SDK's container starts.
        GO_WORKER_BINARY = "beam:artifact:role:go_worker_binary:v1";
    }
}
