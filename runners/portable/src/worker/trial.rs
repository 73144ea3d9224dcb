//! Tries the workers' command before a job depends on it.
//!
//! An engine starts the command and waits for it to connect. Prism waits for ever, and tells nobody, when it cannot be
//! started or has ended. So it is started once as engines do, but with an address of ours, where every worker and every boot
//! program comes first.

use ferrobeam_core::{Error, Result};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::{ChildStderr, Command};

/// How long a command may take to connect; one that still runs then is slow, but not known to be wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long what a command said may come after its end, for a process that it left behind may still hold the pipe.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How much of it is shown, in bytes.
const SHOWN: usize = 2000;

/// Starts a command with these variables, and ends it when it has connected.
///
/// # Errors
/// It cannot be started, or ends before.
pub(crate) async fn try_command(command: &str, variables: &BTreeMap<String, String>, patience: Duration) -> Result<()> {
    let failed = |source| Error::Io { what: "cannot listen for the workers' command".to_owned(), source };
    let listener = TcpListener::bind(("localhost", 0)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let mut process = Command::new(command);
    process.args(["--id=trial".to_owned(), format!("--provision_endpoint=localhost:{port}")]).envs(variables);
    process.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    // Its own group, so that what a script has started ends with it.
    process.process_group(0).kill_on_drop(true);
    let wrong = |why: String| Error::Options(format!("the workers' command `{command}` {why}"));
    let mut child = process.spawn().map_err(|error| wrong(format!("cannot be started: {error}")))?;
    let group = child.id();
    let mut said = tokio::spawn(last_words(child.stderr.take()));
    let ended = tokio::select! {
        _ = listener.accept() => None,
        ended = child.wait() => Some(ended),
        () = tokio::time::sleep(patience) => None,
    };
    let Some(ended) = ended else {
        if let Some(group) = group {
            // The shell's own `kill`: not every machine has a program of that name.
            let script = format!("kill -s KILL -- -{group}");
            let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status().await;
        }
        let _ = child.wait().await;
        return Ok(());
    };
    let ended = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
    let said = tokio::time::timeout(LAST_WORDS, &mut said).await.ok().and_then(|said| said.ok()).unwrap_or_default();
    let said = if said.is_empty() { "nothing on its standard error".to_owned() } else { format!("this: {said}") };
    Err(wrong(format!(
        "ended before it connected to the engine ({ended}), and said {said}\n  (engines start it with `--id=ID \
         --provision_endpoint=HOST:PORT`: it should be a Ferrobeam program, or the boot program of Beam's Go container)"
    )))
}

/// The end of what a process writes.
async fn last_words(from: Option<ChildStderr>) -> String {
    let (mut said, mut piece) = (Vec::new(), [0; 1024]);
    if let Some(mut from) = from {
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            said.extend_from_slice(&piece[..length]);
            said.drain(..said.len().saturating_sub(SHOWN));
        }
    }
    String::from_utf8_lossy(&said).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a script.
    async fn tried(text: &str, patience: Duration) -> Result<(), String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("command");
        // Written by another process: a file cannot be executed while anybody has it open for writing, and processes that
        // other tests start meanwhile inherit what this one has open.
        let write = ["-c", "printf %s \"$1\" > \"$2\" && chmod +x \"$2\"", "write", text];
        assert!(std::process::Command::new("sh").args(write).arg(&path).status().unwrap().success());
        let variables = [("WORD".to_owned(), "heard".to_owned())].into();
        let told = try_command(&path.display().to_string(), &variables, patience).await;
        told.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_command_that_ends_is_told_with_its_last_words() {
        let told = tried("#!/bin/sh\necho \"$WORD $1\" >&2\nexit 7\n", PATIENCE).await.unwrap_err();
        assert!(told.contains("command` ended before it connected to the engine (exit status: 7)"), "{told}");
        assert!(told.contains("and said this: heard --id=trial\n"), "{told}");
        let told = tried("#!/bin/sh\n", PATIENCE).await.unwrap_err();
        assert!(told.contains("(exit status: 0), and said nothing"), "{told}");
    }

    #[tokio::test]
    async fn what_cannot_be_started_is_told() {
        let told = tried("no program", PATIENCE).await.unwrap_err();
        assert!(told.contains("cannot be started: Exec format error"), "{told}");
        let told = tried("#!/nowhere/at/all\n", PATIENCE).await.unwrap_err();
        assert!(told.contains("cannot be started: No such file or directory"), "{told}");
    }

    #[tokio::test]
    async fn a_command_that_connects_is_ended_with_all_that_it_started() {
        let script = "#!/bin/bash\nport=${2##*:}\nexec 3<>/dev/tcp/localhost/$port\nsleep 1000 &\nwait\n";
        tried(script, Duration::MAX).await.unwrap();
    }

    #[tokio::test]
    async fn a_command_that_is_slow_may_be_right() {
        tried("#!/bin/sh\nexec sleep 1000\n", Duration::ZERO).await.unwrap();
    }
}
