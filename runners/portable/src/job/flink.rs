//! Flink's own REST service: where a job is cancelled that Beam's job server has let go of.

use super::client::Patience;
use crate::failure;
use ferrobeam_core::{Error, Result};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The pause between two looks at the jobs.
const PAUSE: Duration = Duration::from_millis(200);

/// A Flink, by the `HOST:PORT` of its REST service.
pub(crate) struct Flink {
    master: String,
    patience: Patience,
}

/// A job as Flink lists it.
#[derive(serde::Deserialize)]
struct Job {
    jid: String,
    name: String,
    state: String,
}

#[derive(serde::Deserialize)]
struct Overview {
    jobs: Vec<Job>,
}

impl Flink {
    pub(crate) fn at(master: &str, patience: Patience) -> Self {
        let master = master.strip_prefix("http://").unwrap_or(master);
        Flink { master: master.trim_end_matches('/').to_owned(), patience }
    }

    /// `HOST:PORT`.
    pub(crate) fn master(&self) -> &str {
        &self.master
    }

    /// Looks whether it is there.
    ///
    /// # Errors
    /// Nobody answers, or something else than a Flink.
    pub(crate) async fn check(&self) -> Result<()> {
        let found = self.running("").await.map(drop);
        found.map_err(|error| Error::Options(format!("there is no Flink at `{}`: {error}", self.master)))
    }

    /// Cancels all jobs of a name, and waits until none is left.
    ///
    /// # Errors
    /// Flink cannot be asked, refuses, or has one that has not ended in time.
    pub(crate) async fn cancel(&self, name: &str) -> Result<()> {
        let (mut asked, limit) = (BTreeSet::new(), Instant::now().checked_add(self.patience.end));
        loop {
            let jobs = self.running(name).await?;
            if jobs.is_empty() {
                return Ok(());
            }
            if limit.is_some_and(|limit| Instant::now() >= limit) {
                let left: Vec<String> = jobs.iter().map(|job| format!("`{}` is {}", job.jid, job.state)).collect();
                return Err(failure(format!("after {:?} its job {}", self.patience.end, left.join(", "))));
            }
            for job in jobs {
                if asked.insert(job.jid.clone()) {
                    self.cancel_one(&job.jid).await?;
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn running(&self, name: &str) -> Result<Vec<Job>> {
        let (status, body) = self.ask("GET", "/jobs/overview").await?;
        let overview = serde_json::from_slice::<Overview>(&body);
        let wrong =
            |error| failure(format!("it answered `GET /jobs/overview` with status {status}, and no jobs: {error}"));
        let mut jobs = overview.map_err(wrong)?.jobs;
        jobs.retain(|job| job.name == name && !matches!(job.state.as_str(), "FINISHED" | "CANCELED" | "FAILED"));
        Ok(jobs)
    }

    async fn cancel_one(&self, job: &str) -> Result<()> {
        let (status, body) = self.ask("PATCH", &format!("/jobs/{job}?mode=cancel")).await?;
        match status {
            // Gone, or about to end: whether it does is seen the next time.
            200..300 | 404 | 409 => Ok(()),
            _ => {
                Err(failure(format!("it does not cancel the job `{job}`: {status} {}", String::from_utf8_lossy(&body))))
            }
        }
    }

    /// The status and the body of an answer.
    async fn ask(&self, method: &str, path: &str) -> Result<(u16, Vec<u8>)> {
        // What stands before the first slash; a proxy may have put Flink below a path.
        let (host, prefix) = self.master.split_at(self.master.find('/').unwrap_or(self.master.len()));
        // Not 1.1, with which the answer may come in chunks.
        let request = format!(
            "{method} {prefix}{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let talk = async {
            let mut stream = TcpStream::connect(host).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = match tokio::time::timeout(self.patience.answer, talk).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(failure(format!("`{host}` cannot be asked: {error}"))),
            Err(_) => return Err(failure(format!("`{host}` has not answered within {:?}", self.patience.answer))),
        };
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let head = String::from_utf8_lossy(&answer[..end.unwrap_or(answer.len())]).into_owned();
        let status = head.strip_prefix("HTTP/").and_then(|head| head.split(' ').nth(1)?.parse().ok());
        match (status, end) {
            (Some(status), Some(end)) => Ok((status, answer[end + 4..].to_vec())),
            _ => Err(failure(format!("`{host}` does not answer as a REST service does"))),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    /// A REST service that gives these answers one after the other, and then the requests' first lines.
    pub(crate) fn played(answers: Vec<String>) -> (Flink, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("localhost:0").unwrap();
        let [answer, end] = [Duration::from_secs(100); 2];
        let patience = Patience { answer, end, ..Patience::default() };
        let flink = Flink::at(&format!("http://localhost:{}/", listener.local_addr().unwrap().port()), patience);
        let answer = move |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap().lines().next().unwrap().to_owned()
        };
        (flink, std::thread::spawn(move || answers.into_iter().map(answer).collect()))
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}")
    }

    pub(crate) const NO_JOBS: &str = "HTTP/1.0 200 OK\r\n\r\n{\"jobs\":[]}";

    /// The list of our job in some state, among others.
    fn listed(state: &str) -> String {
        ok(&format!(
            r#"{{"jobs":[{{"jid":"a","name":"mine","start-time":1,"state":"{state}"}},
                {{"jid":"b","name":"another","state":"RUNNING"}},{{"jid":"c","name":"mine","state":"FINISHED"}}]}}"#
        ))
    }

    const LOOK: &str = "GET /jobs/overview HTTP/1.0";
    const CANCEL: &str = "PATCH /jobs/a?mode=cancel HTTP/1.0";

    #[tokio::test]
    async fn jobs_of_the_name_are_cancelled_until_none_is_left() {
        let accepted = "HTTP/1.1 202 Accepted\r\n\r\n{}".to_owned();
        let (flink, server) = played(vec![listed("RUNNING"), accepted, listed("CANCELLING"), listed("CANCELED")]);
        flink.cancel("mine").await.unwrap();
        assert_eq!(server.join().unwrap(), [LOOK, CANCEL, LOOK, LOOK]);
        let (flink, server) = played(vec![listed("CANCELED")]);
        flink.cancel("mine").await.unwrap();
        assert_eq!(server.join().unwrap(), [LOOK]);
    }

    #[tokio::test]
    async fn what_is_left_is_told() {
        let (flink, server) = played(vec![listed("RUNNING")]);
        let flink = Flink { patience: Patience { end: Duration::ZERO, ..flink.patience }, ..flink };
        let told = flink.cancel("mine").await.unwrap_err().to_string();
        assert!(told.ends_with("after 0ns its job `a` is RUNNING"), "{told}");
        assert_eq!(server.join().unwrap(), [LOOK]);
        let (flink, server) = played(vec![listed("RUNNING"), "HTTP/1.1 403 No\r\n\r\nnot allowed".to_owned()]);
        let told = flink.cancel("mine").await.unwrap_err().to_string();
        assert!(told.ends_with("it does not cancel the job `a`: 403 not allowed"), "{told}");
        assert_eq!(server.join().unwrap(), [LOOK, CANCEL]);
    }

    #[tokio::test]
    async fn what_is_no_flink_is_told() {
        for (answer, expected) in [
            (ok("<html>"), "with status 200, and no jobs: expected value"),
            ("HTTP/1.1 404 Not Found\r\n\r\n".to_owned(), "with status 404, and no jobs: EOF"),
            ("SSH-2.0\r\n\r\n".to_owned(), "does not answer as a REST service does"),
            (String::new(), "does not answer as a REST service does"),
        ] {
            let (flink, server) = played(vec![answer]);
            let told = flink.cancel("mine").await.unwrap_err().to_string();
            assert!(told.contains(expected), "{told}");
            server.join().unwrap();
        }
        let gone = TcpListener::bind("localhost:0").unwrap().local_addr().unwrap().port();
        let told = Flink::at(&format!("localhost:{gone}"), Patience::default()).cancel("mine").await.unwrap_err();
        assert!(told.to_string().contains(&format!("`localhost:{gone}` cannot be asked: ")), "{told}");
    }
}
