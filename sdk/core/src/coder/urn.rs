//! The URNs of coders: Beam's, and the few of our own. One of ours never stands without a length prefix.

macro_rules! urns {
    ($($name:ident $urn:literal)*) => { $(#[doc = concat!("`", $urn, "`")] pub const $name: &str = $urn;)* };
}

urns! {
    BYTES "beam:coder:bytes:v1"
    BOOL "beam:coder:bool:v1"
    STRING_UTF8 "beam:coder:string_utf8:v1"
    KV "beam:coder:kv:v1"
    VARINT "beam:coder:varint:v1"
    DOUBLE "beam:coder:double:v1"
    INTERVAL_WINDOW "beam:coder:interval_window:v1"
    ITERABLE "beam:coder:iterable:v1"
    TIMER "beam:coder:timer:v1"
    LENGTH_PREFIX "beam:coder:length_prefix:v1"
    GLOBAL_WINDOW "beam:coder:global_window:v1"
    WINDOWED_VALUE "beam:coder:windowed_value:v1"
    PARAM_WINDOWED_VALUE "beam:coder:param_windowed_value:v1"
    ROW "beam:coder:row:v1"
    SHARDED_KEY "beam:coder:sharded_key:v1"
    STATE_BACKED_ITERABLE "beam:coder:state_backed_iterable:v1"
    CUSTOM_WINDOW "beam:coder:custom_window:v1"
    NULLABLE "beam:coder:nullable:v1"

    POSTCARD "ferrobeam:coder:postcard:v1"
    INT128 "ferrobeam:coder:int128:v1"
    TUPLE "ferrobeam:coder:tuple:v1"
}
