//! Connections to an engine's services, and what went wrong with one in words.

use crate::failure;
use ferrobeam_core::{Error, Result};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

/// How long a service may take to answer at all.
const PATIENCE: Duration = Duration::from_secs(4);

/// How often a connection is tried. Servers take more as an attack: those of Beam from every 20 s on.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// Opens a connection to `host:port`.
///
/// # Errors
/// Nobody listens there; the address makes no sense; it is one of TLS, which is not supported.
pub(crate) async fn connect(what: &str, address: &str) -> Result<Channel> {
    if address.starts_with("https://") {
        return Err(failure(format!("the {what} at `{address}` wants TLS, which is not supported: give `host:port`")));
    }
    let host = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
    let wrong = |why: &str| failure(format!("`{address}` is no address of a {what}: {why}; it should be `host:port`"));
    let port = host.rsplit_once(':').and_then(|(name, port)| (!name.is_empty()).then_some(port));
    if port.is_none_or(|port| port.parse::<u16>().is_err()) {
        return Err(wrong("it has no host or no port"));
    }
    let endpoint = Endpoint::from_shared(format!("http://{host}")).map_err(|e| wrong(&causes(&e)))?;
    // Else a call to a machine that has gone waits until its own limit.
    let endpoint = endpoint.tcp_nodelay(true).http2_keep_alive_interval(KEEP_ALIVE);
    match tokio::time::timeout(PATIENCE, endpoint.connect()).await {
        Ok(connected) => {
            connected.map_err(|e| failure(format!("no {what} can be reached at `{address}`: {}", causes(&e))))
        }
        Err(_) => Err(failure(format!("no {what} can be reached at `{address}`: no answer within {PATIENCE:?}"))),
    }
}

/// A short question that shows whether somebody who speaks gRPC is at the other end.
///
/// # Errors
/// Nobody is.
pub(crate) async fn probe<T>(
    what: &str,
    address: &str,
    question: impl Future<Output = std::result::Result<tonic::Response<T>, Status>>,
) -> Result<Option<T>> {
    match tokio::time::timeout(PATIENCE, question).await {
        Ok(Ok(answer)) => Ok(Some(answer.into_inner())),
        // It speaks gRPC, then, and has its own view of the question.
        Ok(Err(status)) if !matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal) => Ok(None),
        Ok(Err(status)) => Err(failure(format!("what answers at `{address}` is no {what}: {}", words(&status)))),
        Err(_) => {
            Err(failure(format!("what listens at `{address}` is no {what}: it has not answered within {PATIENCE:?}")))
        }
    }
}

/// A call that failed, by its name in Beam's definitions.
pub(crate) fn failed(what: &str, address: &str, rpc: &str, status: &Status) -> Error {
    failure(match status.code() {
        Code::Unimplemented => format!("the {what} at `{address}` does not implement `{rpc}`"),
        Code::Unavailable => {
            format!("the {what} at `{address}` is gone or cannot be reached (`{rpc}`): {}", words(status))
        }
        Code::DeadlineExceeded | Code::Cancelled => {
            format!("the {what} at `{address}` did not answer `{rpc}`: {}", words(status))
        }
        _ => format!("`{rpc}` of the {what} at `{address}` failed: {}", words(status)),
    })
}

/// A status in words. Java's servers often keep their reason to themselves.
pub(crate) fn words(status: &Status) -> String {
    let cause = std::error::Error::source(status).map(causes);
    match (status.message(), cause) {
        ("", None) => format!("{} (without a reason; the log of the engine may have one)", status.code()),
        (message, None) => message.to_owned(),
        (message, Some(cause)) if cause.contains(message) => cause,
        (message, Some(cause)) => format!("{message}: {cause}"),
    }
}

/// An error and what caused it: tonic's own texts say only `transport error`.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if texts.last().is_none_or(|last| !last.contains(&text)) {
            texts.push(text);
        }
        cause = error.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_without_a_reason_says_where_to_look() {
        assert_eq!(words(&Status::not_found("job 7")), "job 7");
        assert!(words(&Status::invalid_argument("")).contains("log of the engine"));
        let text = failed("job server", "host:1", "Drain", &Status::unimplemented("")).to_string();
        assert!(text.ends_with("the job server at `host:1` does not implement `Drain`"), "{text}");
    }

    #[tokio::test]
    async fn addresses_that_make_no_sense_are_named() {
        for address in ["", "localhost", ":8073", "localhost:port", "https://localhost:8073", "local host:8073"] {
            let text = connect("job server", address).await.unwrap_err().to_string();
            assert!(text.contains(&format!("`{address}`")), "{text}");
        }
    }
}
