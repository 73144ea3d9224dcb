//! How elements become bytes.

urns! {
    /// Encodings that every SDK and engine knows.
    coders {
        "pipeline.v1.StandardCoders.Enum":
        /// Bytes; length-prefixed where nested.
        BYTES = "beam:coder:bytes:v1";
        /// Text in UTF-8; length-prefixed where nested.
        STRING_UTF8 = "beam:coder:string_utf8:v1";
        /// A pair; components: key, value.
        KV = "beam:coder:kv:v1";
        /// One byte, 0 or 1.
        BOOL = "beam:coder:bool:v1";
        /// A 64-bit integer, seven bits a byte, lowest first.
        VARINT = "beam:coder:varint:v1";
        /// A 64-bit float, big-endian.
        DOUBLE = "beam:coder:double:v1";
        /// A sequence, counted or in counted blocks; component: element.
        ITERABLE = "beam:coder:iterable:v1";
        /// A timer's key, tag, windows and times; components: key, window.
        TIMER = "beam:coder:timer:v1";
        /// A window's end in milliseconds and its length.
        INTERVAL_WINDOW = "beam:coder:interval_window:v1";
        /// A length before any encoding, for those who cannot read it; component: element.
        LENGTH_PREFIX = "beam:coder:length_prefix:v1";
        /// Nothing: there is only one global window.
        GLOBAL_WINDOW = "beam:coder:global_window:v1";
        /// An element with timestamp, windows and pane; components: element, window.
        WINDOWED_VALUE = "beam:coder:windowed_value:v1";
        /// An element whose timestamp, windows and pane are in the payload; components: element, window.
        PARAM_WINDOWED_VALUE = "beam:coder:param_windowed_value:v1";
        /// A sequence whose rest may be fetched over the state API; component: element.
        STATE_BACKED_ITERABLE = "beam:coder:state_backed_iterable:v1";
        /// A window of an SDK's own, after its last instant; component: window.
        CUSTOM_WINDOW = "beam:coder:custom_window:v1";
        /// A row; payload `Schema`.
        ROW = "beam:coder:row:v1";
        /// A value of an SDK's own type, encoded as a row; payload `SchemaCoderPayload`.
        SCHEMA = "beam:coder:schema:v1";
        /// A key with a shard id before it; component: key.
        SHARDED_KEY = "beam:coder:sharded_key:v1";
        /// A value that may be absent: one byte, then the value; component: value.
        NULLABLE = "beam:coder:nullable:v1";
    }

    /// Types of row fields beyond the atomic ones.
    logical_types {
        "pipeline.v1.LogicalTypes.Enum":
        /// Source text of a Python callable.
        PYTHON_CALLABLE = "beam:logical_type:python_callable:v1";
        /// An instant as a row of seconds and microseconds.
        MICROS_INSTANT = "beam:logical_type:micros_instant:v1";
        /// An instant in milliseconds, encoded so that bytes sort as times do.
        MILLIS_INSTANT = "beam:logical_type:millis_instant:v1";
        /// A decimal number.
        DECIMAL = "beam:logical_type:decimal:v1";
        /// Bytes of a fixed length.
        FIXED_BYTES = "beam:logical_type:fixed_bytes:v1";
        /// Bytes up to a length.
        VAR_BYTES = "beam:logical_type:var_bytes:v1";
        /// Text of a fixed length.
        FIXED_CHAR = "beam:logical_type:fixed_char:v1";
        /// Text up to a length.
        VAR_CHAR = "beam:logical_type:var_char:v1";
        /// A date.
        DATE = "beam:logical_type:date:v1";
        /// An instant of a declared precision.
        TIMESTAMP = "beam:logical_type:timestamp:v1";
    }
}
