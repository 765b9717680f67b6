//! The credential plugin of a kubeconfig (`users[].user.exec`), run once before the client does.
//!
//! The client runs it again for each new credential, without a limit and with its words lost
//! ([client-go credential plugins](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins)).
//! What is run here has limits, and what it writes to standard error reaches the person who has to log in.

use std::io::IsTerminal;
use std::process::Stdio;
use std::time::Duration;

use kube::config::{ExecConfig, ExecInteractiveMode};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

/// Most bytes of a credential.
const MAX_OUTPUT: u64 = 1 << 20;
/// Most bytes of what it writes to standard error.
const MAX_MESSAGE: u64 = 16 << 10;

/// Why a credential plugin gives no credential.
#[derive(Debug, thiserror::Error)]
pub(super) enum PluginError {
    #[error("the credential plugin `{0}` cannot be run: {1}")]
    NotRun(String, std::io::Error),
    #[error("the credential plugin `{0}` has not ended after {1:?}")]
    TooSlow(String, Duration),
    #[error("the credential plugin `{0}` prints more than {MAX_OUTPUT} bytes")]
    TooLong(String),
    #[error("the credential plugin `{name}` failed ({status}){}", .message.as_ref().map_or_else(String::new, |m| format!(": {m}")))]
    Failed { name: String, status: std::process::ExitStatus, message: Option<String> },
}

/// Runs a plugin to its end, within a time.
///
/// A person at a terminal sees what it writes to standard error as it comes, and can answer it.
pub(super) async fn check(exec: &ExecConfig, time: Duration) -> Result<(), PluginError> {
    // Without a command the client's own error is the better one.
    let Some(name) = exec.command.clone() else { return Ok(()) };
    let is_asked =
        exec.interactive_mode != Some(ExecInteractiveMode::Never) && std::io::stdin().is_terminal();
    let mut command = Command::new(&name);
    command.args(exec.args.iter().flatten());
    for variable in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            command.env(name, value);
        }
    }
    let mut spec = json!({"interactive": is_asked});
    if let Some(cluster) = exec.cluster.as_ref().filter(|_| exec.provide_cluster_info) {
        spec["cluster"] = serde_json::to_value(cluster).unwrap_or_default();
    }
    let info = json!({"apiVersion": exec.api_version, "kind": "ExecCredential", "spec": spec});
    command.env("KUBERNETES_EXEC_INFO", info.to_string());
    let (input, errors) = match is_asked {
        true => (Stdio::inherit(), Stdio::inherit()),
        false => (Stdio::null(), Stdio::piped()),
    };
    command.stdin(input).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
    let mut child = command.spawn().map_err(|e| PluginError::NotRun(name.clone(), e))?;
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let run = async {
        let (output, errors) = tokio::join!(read(output, MAX_OUTPUT), read(errors, MAX_MESSAGE));
        if output.len() as u64 > MAX_OUTPUT {
            return Err(PluginError::TooLong(name.clone()));
        }
        let status = child.wait().await.map_err(|e| PluginError::NotRun(name.clone(), e))?;
        let message = String::from_utf8_lossy(&errors).trim().to_owned();
        match status.success() {
            true => Ok(()),
            false => {
                let message = Some(message).filter(|m| !m.is_empty());
                Err(PluginError::Failed { name: name.clone(), status, message })
            }
        }
    };
    tokio::time::timeout(time, run).await.unwrap_or(Err(PluginError::TooSlow(name.clone(), time)))
}

/// Reads to the end or past a limit; what is left is not read, and who still writes it is ended.
async fn read(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What was read before an error is what there is.
        let _ = stream.take(limit + 1).read_to_end(&mut bytes).await;
    }
    bytes
}

#[cfg(all(test, unix))]
#[expect(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn run(script: &str) -> Result<(), String> {
        let exec: ExecConfig = serde_json::from_value(json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
            "interactiveMode": "Never", "env": [{"name": "PLACE", "value": "corp"}],
        }))
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(&exec, Duration::from_secs(5))).map_err(|e| e.to_string())
    }

    #[test]
    fn the_words_of_a_plugin_reach_who_must_log_in() {
        assert_eq!(run("echo '{}'"), Ok(()));
        let failed = run("echo please run: $PLACE-login >&2; exit 3").unwrap_err();
        assert_eq!(failed, "the credential plugin `sh` failed (exit status: 3): please run: corp-login");
        assert!(run("echo \"$KUBERNETES_EXEC_INFO\" | grep -q '\"kind\":\"ExecCredential\"'").is_ok());
    }

    #[test]
    fn a_plugin_that_never_ends_or_prints_without_end_is_ended() {
        let exec: ExecConfig = serde_json::from_value(
            json!({"command": "sh", "args": ["-c", "sleep 600"], "interactiveMode": "Never"}),
        )
        .unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let slow = runtime.block_on(check(&exec, Duration::from_millis(200))).unwrap_err();
        assert_eq!(slow.to_string(), "the credential plugin `sh` has not ended after 200ms");
        assert!(run("yes").unwrap_err().contains("prints more than"));
        assert!(run("exec nowhere-to-be-found").is_err());
    }
}
