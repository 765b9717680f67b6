//! When a command that could go on for ever ends.

use std::io;
use std::time::Duration;

use crate::failure::Failure;

/// Listens for Ctrl-C and the signals to end, from now on; the future is ready at the first of them, or after a time.
///
/// Call it before anything is accepted: a signal that nobody listens for yet ends the process, and what was accepted from a
/// sender would be lost with it.
pub(crate) fn after(duration: Option<Duration>) -> Result<impl Future<Output = ()>, Failure> {
    let signal = end_signal().map_err(|e| Failure::new("cannot listen for Ctrl-C").because(&e))?;
    Ok(async move {
        let time_is_up = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = time_is_up => {}
            () = signal => {}
        }
    })
}

/// Ends the process at a signal to end, without leaving programs running and folders behind.
///
/// For commands that do not end by themselves at a signal, with [`after`].
#[cfg(unix)]
pub(crate) fn exit_on_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        // A signal that cannot be listened for ends the process by itself.
        let Ok(mut signal) = signal(kind) else { continue };
        tokio::spawn(async move {
            if signal.recv().await.is_some() {
                drift_sources::scratch::end_all();
                // As a shell reports it.
                std::process::exit(128 + kind.as_raw_value());
            }
        });
    }
}

#[cfg(not(unix))]
pub(crate) fn exit_on_signal() {}

#[cfg(unix)]
fn end_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .map(signal)
        .into_iter()
        .collect::<io::Result<Vec<_>>>()?;
    Ok(async move {
        futures::future::select_all(signals.iter_mut().map(|s| Box::pin(s.recv()))).await;
    })
}

#[cfg(not(unix))]
fn end_signal() -> io::Result<impl Future<Output = ()>> {
    let mut signal = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        signal.recv().await;
    })
}
