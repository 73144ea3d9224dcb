//! Transforms that another SDK expands.

urns! {
    /// How an expansion request describes the transform it asks for.
    expansion_methods {
        "pipeline.v1.ExpansionMethods.Enum":
        /// Calls a constructor and setters of a Java class; payload `JavaClassLookupPayload`.
        JAVA_CLASS_LOOKUP = "beam:expansion:payload:java_class_lookup:v1";
        /// Configures a schema transform by a row; payload `SchemaTransformPayload`.
        SCHEMA_TRANSFORM = "beam:expansion:payload:schematransform:v1";
    }

    /// Schema transforms whose version and implementation an engine may choose.
    managed_transforms {
        "pipeline.v1.ManagedTransforms.Urns":
        /// Reads a snapshot of an Iceberg table.
        ICEBERG_READ = "beam:schematransform:org.apache.beam:iceberg_read:v1";
        /// Writes to Iceberg tables.
        ICEBERG_WRITE = "beam:schematransform:org.apache.beam:iceberg_write:v1";
        /// Reads Kafka topics.
        KAFKA_READ = "beam:schematransform:org.apache.beam:kafka_read:v1";
        /// Writes to Kafka topics.
        KAFKA_WRITE = "beam:schematransform:org.apache.beam:kafka_write:v1";
        /// Reads BigQuery through its storage API.
        BIGQUERY_READ = "beam:schematransform:org.apache.beam:bigquery_storage_read:v1";
        /// Writes to BigQuery tables.
        BIGQUERY_WRITE = "beam:schematransform:org.apache.beam:bigquery_write:v1";
        /// Reads the changes of an Iceberg table.
        ICEBERG_CDC_READ = "beam:schematransform:org.apache.beam:iceberg_cdc_read:v1";
        /// Reads a PostgreSQL table or query.
        POSTGRES_READ = "beam:schematransform:org.apache.beam:postgres_read:v1";
        /// Writes to a PostgreSQL table.
        POSTGRES_WRITE = "beam:schematransform:org.apache.beam:postgres_write:v1";
        /// Reads a MySQL table or query.
        MYSQL_READ = "beam:schematransform:org.apache.beam:mysql_read:v1";
        /// Writes to a MySQL table.
        MYSQL_WRITE = "beam:schematransform:org.apache.beam:mysql_write:v1";
        /// Reads a SQL Server table or query.
        SQL_SERVER_READ = "beam:schematransform:org.apache.beam:sql_server_read:v1";
        /// Writes to a SQL Server table.
        SQL_SERVER_WRITE = "beam:schematransform:org.apache.beam:sql_server_write:v1";
        /// Reads a snapshot of a Delta Lake table.
        DELTA_LAKE_READ = "beam:schematransform:org.apache.beam:delta_lake_read:v1";
        /// Reads the changes of a Delta Lake table.
        DELTA_LAKE_CDC_READ = "beam:schematransform:org.apache.beam:delta_lake_cdc_read:v1";
    }
}
