//! Values on which all SDKs and engines agree.

urns! {
    /// Limits of event time, keys of annotations, tokens.
    constants {
        "pipeline.v1.BeamConstants.Constants":
        /// The earliest event time, in milliseconds since the epoch.
        MIN_TIMESTAMP_MILLIS: i64 = -9223372036854775;
        /// The latest event time, in milliseconds since the epoch; a watermark here has ended.
        MAX_TIMESTAMP_MILLIS: i64 = 9223372036854775;
        /// The last instant of the global window, in milliseconds since the epoch: a day before the latest event time.
        GLOBAL_WINDOW_MAX_TIMESTAMP_MILLIS: i64 = 9223371950454775;

        "pipeline.v1.Annotations.Enum":
        /// Key of a transform's annotation: its configuration, an encoded row.
        CONFIG_ROW_KEY = "config_row";
        /// Key of a transform's annotation: the schema of its configuration.
        CONFIG_ROW_SCHEMA_KEY = "config_row_schema";
        /// Key of a transform's annotation: the URN of the schema transform it was expanded from.
        SCHEMATRANSFORM_URN_KEY = "schematransform_urn";
        /// Key of a transform's annotation: the URN of the transform that a managed one stands for.
        MANAGED_UNDERLYING_TRANSFORM_URN_KEY = "managed_underlying_transform_urn";

        "job_management.v1.CommitManifestResponse.Constants":
        /// Retrieval token of a job without artifacts.
        NO_ARTIFACTS_STAGED_TOKEN = "__no_artifacts_staged__";
    }
}
