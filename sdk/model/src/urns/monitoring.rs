//! What workers report: metrics, the types of their values, the labels that say of what.

use labels::{METHOD, NAME, NAMESPACE, PCOLLECTION, RESOURCE, SERVICE, STATUS, TRANSFORM};
use metric_types as types;

urns! {
    /// Metrics, as URNs of `MonitoringInfo`.
    metrics {
        "pipeline.v1.MonitoringInfoSpecs.Enum":
        /// A user's counter.
        USER_SUM_INT64 = "beam:metric:user:sum_int64:v1";
        /// A user's sum of floats.
        USER_SUM_DOUBLE = "beam:metric:user:sum_double:v1";
        /// A user's distribution.
        USER_DISTRIBUTION_INT64 = "beam:metric:user:distribution_int64:v1";
        /// A user's distribution of floats.
        USER_DISTRIBUTION_DOUBLE = "beam:metric:user:distribution_double:v1";
        /// A user's gauge.
        USER_LATEST_INT64 = "beam:metric:user:latest_int64:v1";
        /// A user's gauge of floats.
        USER_LATEST_DOUBLE = "beam:metric:user:latest_double:v1";
        /// A user's largest integers.
        USER_TOP_N_INT64 = "beam:metric:user:top_n_int64:v1";
        /// A user's largest floats.
        USER_TOP_N_DOUBLE = "beam:metric:user:top_n_double:v1";
        /// A user's smallest integers.
        USER_BOTTOM_N_INT64 = "beam:metric:user:bottom_n_int64:v1";
        /// A user's smallest floats.
        USER_BOTTOM_N_DOUBLE = "beam:metric:user:bottom_n_double:v1";
        /// A user's set of strings.
        USER_SET_STRING = "beam:metric:user:set_string:v1";
        /// A user's tree of string prefixes, cut to a size.
        USER_BOUNDED_TRIE = "beam:metric:user:bounded_trie:v1";
        /// Elements in a collection.
        ELEMENT_COUNT = "beam:metric:element_count:v1";
        /// Encoded sizes of a sample of a collection's elements, in bytes.
        SAMPLED_BYTE_SIZE = "beam:metric:sampled_byte_size:v1";
        /// Time in a step's `start_bundle`, in milliseconds.
        START_BUNDLE_MSECS = "beam:metric:pardo_execution_time:start_bundle_msecs:v1";
        /// Time in a step's `process`, in milliseconds.
        PROCESS_BUNDLE_MSECS = "beam:metric:pardo_execution_time:process_bundle_msecs:v1";
        /// Time in a step's `finish_bundle`, in milliseconds.
        FINISH_BUNDLE_MSECS = "beam:metric:pardo_execution_time:finish_bundle_msecs:v1";
        /// Time in a step altogether, in milliseconds.
        TOTAL_MSECS = "beam:metric:ptransform_execution_time:total_msecs:v1";
        /// Work left in each element in process.
        WORK_REMAINING = "beam:metric:ptransform_progress:remaining:v1";
        /// Work done in each element in process.
        WORK_COMPLETED = "beam:metric:ptransform_progress:completed:v1";
        /// Index of the element that was last taken from the data stream.
        DATA_CHANNEL_READ_INDEX = "beam:metric:data_channel:read_index:v1";
        /// Requests to a storage service, by status; of the process, not of a bundle.
        API_REQUEST_COUNT = "beam:metric:io:api_request_count:v1";
        /// Latencies of requests to a storage service, in milliseconds; of the process, not of a bundle.
        API_REQUEST_LATENCIES = "beam:metric:io:api_request_latencies:v1";
        /// A user's histogram.
        USER_HISTOGRAM = "beam:metric:user:histogram_int64:v1";
    }

    /// Types of metrics: how a payload is encoded and how two are merged.
    metric_types {
        "pipeline.v1.MonitoringInfoTypeUrns.Enum":
        /// A sum of integers.
        SUM_INT64_TYPE = "beam:metrics:sum_int64:v1";
        /// A sum of floats.
        SUM_DOUBLE_TYPE = "beam:metrics:sum_double:v1";
        /// Count, sum, least and greatest of integers.
        DISTRIBUTION_INT64_TYPE = "beam:metrics:distribution_int64:v1";
        /// Count, sum, least and greatest of floats.
        DISTRIBUTION_DOUBLE_TYPE = "beam:metrics:distribution_double:v1";
        /// The integer with the latest timestamp.
        LATEST_INT64_TYPE = "beam:metrics:latest_int64:v1";
        /// The float with the latest timestamp.
        LATEST_DOUBLE_TYPE = "beam:metrics:latest_double:v1";
        /// The largest integers.
        TOP_N_INT64_TYPE = "beam:metrics:top_n_int64:v1";
        /// The largest floats.
        TOP_N_DOUBLE_TYPE = "beam:metrics:top_n_double:v1";
        /// The smallest integers.
        BOTTOM_N_INT64_TYPE = "beam:metrics:bottom_n_int64:v1";
        /// The smallest floats.
        BOTTOM_N_DOUBLE_TYPE = "beam:metrics:bottom_n_double:v1";
        /// Amounts of work, one an element in process.
        PROGRESS_TYPE = "beam:metrics:progress:v1";
        /// A set of strings.
        SET_STRING_TYPE = "beam:metrics:set_string:v1";
        /// A tree of string prefixes; payload `BoundedTrie`.
        BOUNDED_TRIE_TYPE = "beam:metrics:bounded_trie:v1";
        /// Counts by bucket; payload `HistogramValue`.
        HISTOGRAM = "beam:metrics:histogram_int64:v1";
    }

    /// Keys of `MonitoringInfo.labels`.
    labels {
        "pipeline.v1.MonitoringInfo.MonitoringInfoLabels":
        /// Id of a transform.
        TRANSFORM = "PTRANSFORM";
        /// Id of a collection.
        PCOLLECTION = "PCOLLECTION";
        /// Id of a windowing strategy.
        WINDOWING_STRATEGY = "WINDOWING_STRATEGY";
        /// Id of a coder.
        CODER = "CODER";
        /// Id of an environment.
        ENVIRONMENT = "ENVIRONMENT";
        /// Namespace of a user's metric.
        NAMESPACE = "NAMESPACE";
        /// Name of a user's metric.
        NAME = "NAME";
        /// Service that was called.
        SERVICE = "SERVICE";
        /// Method of the service.
        METHOD = "METHOD";
        /// Resource the method was applied to.
        RESOURCE = "RESOURCE";
        /// Status of the answer.
        STATUS = "STATUS";
        /// BigQuery project.
        BIGQUERY_PROJECT_ID = "BIGQUERY_PROJECT_ID";
        /// BigQuery dataset.
        BIGQUERY_DATASET = "BIGQUERY_DATASET";
        /// BigQuery table.
        BIGQUERY_TABLE = "BIGQUERY_TABLE";
        /// BigQuery view.
        BIGQUERY_VIEW = "BIGQUERY_VIEW";
        /// BigQuery query.
        BIGQUERY_QUERY_NAME = "BIGQUERY_QUERY_NAME";
        /// Cloud Storage bucket.
        GCS_BUCKET = "GCS_BUCKET";
        /// Cloud Storage project.
        GCS_PROJECT_ID = "GCS_PROJECT_ID";
        /// Datastore project.
        DATASTORE_PROJECT = "DATASTORE_PROJECT";
        /// Datastore namespace.
        DATASTORE_NAMESPACE = "DATASTORE_NAMESPACE";
        /// Bigtable project.
        BIGTABLE_PROJECT_ID = "BIGTABLE_PROJECT_ID";
        /// Bigtable instance.
        INSTANCE_ID = "INSTANCE_ID";
        /// Bigtable table.
        TABLE_ID = "TABLE_ID";
        /// Spanner project.
        SPANNER_PROJECT_ID = "SPANNER_PROJECT_ID";
        /// Spanner database.
        SPANNER_DATABASE_ID = "SPANNER_DATABASE_ID";
        /// Spanner table.
        SPANNER_TABLE_ID = "SPANNER_TABLE_ID";
        /// Spanner instance.
        SPANNER_INSTANCE_ID = "SPANNER_INSTANCE_ID";
        /// Spanner query.
        SPANNER_QUERY_NAME = "SPANNER_QUERY_NAME";
        /// Marks a metric that is reported by worker.
        PER_WORKER_METRIC = "PER_WORKER_METRIC";
    }
}

/// What belongs to a metric's URN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricSpec {
    /// URN of the metric, of [`metrics`].
    pub urn: &'static str,
    /// URN of its type, of [`metric_types`].
    pub type_urn: &'static str,
    /// Labels it must carry, of [`labels`].
    pub required_labels: &'static [&'static str],
}

const fn spec(urn: &'static str, type_urn: &'static str, required_labels: &'static [&'static str]) -> MetricSpec {
    MetricSpec { urn, type_urn, required_labels }
}

const USER: &[&str] = &[TRANSFORM, NAMESPACE, NAME];

/// The type and the labels of every metric of [`metrics`].
pub const METRIC_SPECS: &[MetricSpec] = &[
    spec(metrics::USER_SUM_INT64, types::SUM_INT64_TYPE, USER),
    spec(metrics::USER_SUM_DOUBLE, types::SUM_DOUBLE_TYPE, USER),
    spec(metrics::USER_DISTRIBUTION_INT64, types::DISTRIBUTION_INT64_TYPE, USER),
    spec(metrics::USER_DISTRIBUTION_DOUBLE, types::DISTRIBUTION_DOUBLE_TYPE, USER),
    spec(metrics::USER_LATEST_INT64, types::LATEST_INT64_TYPE, USER),
    spec(metrics::USER_LATEST_DOUBLE, types::LATEST_DOUBLE_TYPE, USER),
    spec(metrics::USER_TOP_N_INT64, types::TOP_N_INT64_TYPE, USER),
    spec(metrics::USER_TOP_N_DOUBLE, types::TOP_N_DOUBLE_TYPE, USER),
    spec(metrics::USER_BOTTOM_N_INT64, types::BOTTOM_N_INT64_TYPE, USER),
    spec(metrics::USER_BOTTOM_N_DOUBLE, types::BOTTOM_N_DOUBLE_TYPE, USER),
    spec(metrics::USER_SET_STRING, types::SET_STRING_TYPE, USER),
    spec(metrics::USER_BOUNDED_TRIE, types::BOUNDED_TRIE_TYPE, USER),
    spec(metrics::ELEMENT_COUNT, types::SUM_INT64_TYPE, &[PCOLLECTION]),
    spec(metrics::SAMPLED_BYTE_SIZE, types::DISTRIBUTION_INT64_TYPE, &[PCOLLECTION]),
    spec(metrics::START_BUNDLE_MSECS, types::SUM_INT64_TYPE, &[TRANSFORM]),
    spec(metrics::PROCESS_BUNDLE_MSECS, types::SUM_INT64_TYPE, &[TRANSFORM]),
    spec(metrics::FINISH_BUNDLE_MSECS, types::SUM_INT64_TYPE, &[TRANSFORM]),
    spec(metrics::TOTAL_MSECS, types::SUM_INT64_TYPE, &[TRANSFORM]),
    spec(metrics::WORK_REMAINING, types::PROGRESS_TYPE, &[TRANSFORM]),
    spec(metrics::WORK_COMPLETED, types::PROGRESS_TYPE, &[TRANSFORM]),
    spec(metrics::DATA_CHANNEL_READ_INDEX, types::SUM_INT64_TYPE, &[TRANSFORM]),
    spec(metrics::API_REQUEST_COUNT, types::SUM_INT64_TYPE, &[SERVICE, METHOD, RESOURCE, TRANSFORM, STATUS]),
    spec(metrics::API_REQUEST_LATENCIES, types::HISTOGRAM, &[SERVICE, METHOD, RESOURCE, TRANSFORM]),
    spec(metrics::USER_HISTOGRAM, types::HISTOGRAM, USER),
];
