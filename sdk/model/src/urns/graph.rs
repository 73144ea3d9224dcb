//! Steps of the pipeline graph and what is said about them.

urns! {
    /// Steps, as a graph or a bundle descriptor names them.
    transforms {
        "pipeline.v1.StandardPTransforms.Primitives":
        /// Calls a `DoFn` per element; payload `ParDoPayload`.
        PAR_DO = "beam:transform:pardo:v1";
        /// Merges collections of one element type.
        FLATTEN = "beam:transform:flatten:v1";
        /// Collects the values of each key and window.
        GROUP_BY_KEY = "beam:transform:group_by_key:v1";
        /// Emits one empty byte string at the earliest event time, in the global window.
        IMPULSE = "beam:transform:impulse:v1";
        /// Assigns windows; payload `WindowIntoPayload`.
        ASSIGN_WINDOWS = "beam:transform:window_into:v1";
        /// Plays a script of elements, watermarks and processing time; payload `TestStreamPayload`.
        TEST_STREAM = "beam:transform:teststream:v1";
        /// Maps (nonce, main window) to (nonce, side input window); payload: the window mapping function's spec.
        MAP_WINDOWS = "beam:transform:map_windows:v1";
        /// Maps (nonce, windows) to (nonce, (unmerged, (merged, consumed)..)); payload: the window function's spec.
        MERGE_WINDOWS = "beam:transform:merge_windows:v1";
        /// Maps (nonce, element) to (nonce, text for humans).
        TO_STRING = "beam:transform:to_string:v1";

        "pipeline.v1.StandardPTransforms.DeprecatedPrimitives":
        /// Reads a source that is not a splittable `DoFn`; payload `ReadPayload`.
        READ = "beam:transform:read:v1";
        /// Turns a collection into a side input, as graphs once did.
        CREATE_VIEW = "beam:transform:create_view:v1";

        "pipeline.v1.StandardPTransforms.Composites":
        /// Combines the values of each key and window; payload `CombinePayload`.
        COMBINE_PER_KEY = "beam:transform:combine_per_key:v1";
        /// Combines all elements of each window; payload `CombinePayload`.
        COMBINE_GLOBALLY = "beam:transform:combine_globally:v1";
        /// Redistributes elements and forbids fusion across it.
        RESHUFFLE = "beam:transform:reshuffle:v1";
        /// Writes files; payload `WriteFilesPayload`.
        WRITE_FILES = "beam:transform:write_files:v1";
        /// Reads from Pub/Sub; payload `PubSubReadPayload`.
        PUBSUB_READ = "beam:transform:pubsub_read:v1";
        /// Writes to Pub/Sub; payload `PubSubWritePayload`.
        PUBSUB_WRITE = "beam:transform:pubsub_write:v1";
        /// Writes to Pub/Sub, second version; payload `PubSubWritePayload`.
        PUBSUB_WRITE_V2 = "beam:transform:pubsub_write:v2";
        /// Groups into batches under keys that the engine shards; payload `GroupIntoBatchesPayload`.
        GROUP_INTO_BATCHES_WITH_SHARDED_KEY = "beam:transform:group_into_batches_with_sharded_key:v1";
        /// Redistributes pairs by key; payload `RedistributePayload`.
        REDISTRIBUTE_BY_KEY = "beam:transform:redistribute_by_key:v1";
        /// Redistributes elements anyhow; payload `RedistributePayload`.
        REDISTRIBUTE_ARBITRARILY = "beam:transform:redistribute_arbitrarily:v1";

        "pipeline.v1.StandardPTransforms.CombineComponents":
        /// Folds inputs into accumulators before the shuffle; payload `CombinePayload`, as of all five parts.
        COMBINE_PER_KEY_PRECOMBINE = "beam:transform:combine_per_key_precombine:v1";
        /// Merges the accumulators of a key after the shuffle.
        COMBINE_PER_KEY_MERGE_ACCUMULATORS = "beam:transform:combine_per_key_merge_accumulators:v1";
        /// Turns the accumulator of a key into its output.
        COMBINE_PER_KEY_EXTRACT_OUTPUTS = "beam:transform:combine_per_key_extract_outputs:v1";
        /// Turns the grouped inputs of a key into its output.
        COMBINE_GROUPED_VALUES = "beam:transform:combine_grouped_values:v1";
        /// Turns each input into an accumulator.
        COMBINE_PER_KEY_CONVERT_TO_ACCUMULATORS = "beam:transform:combine_per_key_convert_to_accumulators:v1";

        "pipeline.v1.StandardPTransforms.SplittableParDoComponents":
        /// Maps an element to (element, initial restriction); payload `ParDoPayload`, as of all four parts.
        PAIR_WITH_RESTRICTION = "beam:transform:sdf_pair_with_restriction:v1";
        /// Maps (element, restriction) to ((element, part of it), size)..
        SPLIT_AND_SIZE_RESTRICTIONS = "beam:transform:sdf_split_and_size_restrictions:v1";
        /// Calls the `DoFn` for each ((element, restriction), size).
        PROCESS_SIZED_ELEMENTS_AND_RESTRICTIONS = "beam:transform:sdf_process_sized_element_and_restrictions:v1";
        /// Makes each restriction finite, when a pipeline drains.
        TRUNCATE_SIZED_RESTRICTION = "beam:transform:sdf_truncate_sized_restrictions:v1";

        "pipeline.v1.StandardPTransforms.GroupIntoBatchesComponents":
        /// Groups the values of a key into batches; payload `GroupIntoBatchesPayload`.
        GROUP_INTO_BATCHES = "beam:transform:group_into_batches:v1";

        "fn_execution.v1.FnApiTransforms.Runner":
        /// Feeds a bundle from the data stream; payload `RemoteGrpcPort`.
        DATA_SOURCE = "beam:runner:source:v1";
        /// Sends a bundle's output to the data stream; payload `RemoteGrpcPort`.
        DATA_SINK = "beam:runner:sink:v1";
    }

    /// Window functions.
    window_fns {
        "pipeline.v1.GlobalWindowsPayload.Enum":
        /// One window for all time.
        GLOBAL as PROPERTIES = "beam:window_fn:global_windows:v1";
        "pipeline.v1.FixedWindowsPayload.Enum":
        /// Windows of one size, one after another; payload `FixedWindowsPayload`.
        FIXED as PROPERTIES = "beam:window_fn:fixed_windows:v1";
        "pipeline.v1.SlidingWindowsPayload.Enum":
        /// Windows of one size, one each period; payload `SlidingWindowsPayload`.
        SLIDING as PROPERTIES = "beam:window_fn:sliding_windows:v1";
        "pipeline.v1.SessionWindowsPayload.Enum":
        /// Windows that end after a gap without elements; payload `SessionWindowsPayload`.
        SESSIONS as PROPERTIES = "beam:window_fn:session_windows:v1";
    }

    /// How a step reads a side input.
    side_inputs {
        "pipeline.v1.StandardSideInputTypes.Enum":
        /// All elements of a window.
        ITERABLE = "beam:side_input:iterable:v1";
        /// The values of a key, or the keys, of a window.
        MULTIMAP = "beam:side_input:multimap:v1";
    }

    /// How a stateful step reads and writes state.
    user_states {
        "pipeline.v1.StandardUserStateTypes.Enum":
        /// Values, appended and read together.
        BAG = "beam:user_state:bag:v1";
        /// Values by key.
        MULTIMAP = "beam:user_state:multimap:v1";
        /// Values by position, read by range.
        ORDERED_LIST = "beam:user_state:ordered_list:v1";
    }

    /// Fields of `ParDoPayload` that a runner must heed or refuse the pipeline.
    requirements {
        "pipeline.v1.StandardRequirements.Enum":
        /// State and timers.
        REQUIRES_STATEFUL_PROCESSING = "beam:requirement:pardo:stateful:v1";
        /// A call back once a bundle's output is durable.
        REQUIRES_BUNDLE_FINALIZATION = "beam:requirement:pardo:finalization:v1";
        /// Input that is the same when a bundle is retried.
        REQUIRES_STABLE_INPUT = "beam:requirement:pardo:stable_input:v1";
        /// Input sorted by event time, per key.
        REQUIRES_TIME_SORTED_INPUT = "beam:requirement:pardo:time_sorted_input:v1";
        /// Restrictions that split.
        REQUIRES_SPLITTABLE_DOFN = "beam:requirement:pardo:splittable_dofn:v1";
        /// A call for each key when its window expires.
        REQUIRES_ON_WINDOW_EXPIRATION = "beam:requirement:pardo:on_window_expiration:v1";
    }

    /// What is shown beside a step.
    display_data {
        "pipeline.v1.StandardDisplayData.DisplayData":
        /// A label and its value; payload `LabelledPayload`.
        LABELLED = "beam:display_data:labelled:v1";
    }

    /// What a step would like of the machine it runs on; runners may ignore it.
    resource_hints {
        "pipeline.v1.StandardResourceHints.Enum":
        /// Hardware accelerators.
        ACCELERATOR = "beam:resources:accelerator:v1";
        /// Least memory, in bytes.
        MIN_RAM_BYTES = "beam:resources:min_ram_bytes:v1";
        /// Number of processors.
        CPU_COUNT = "beam:resources:cpu_count:v1";
        /// Most bundles in work at once on one worker.
        MAX_ACTIVE_BUNDLES_PER_WORKER = "beam:resources:max_active_bundles_per_worker:v1";
    }
}
