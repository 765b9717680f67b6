//! Work that blocks, away from the threads of a runtime.

/// Runs what blocks on a thread of the Tokio runtime that is made for it, or here if there is no such runtime.
pub(super) async fn run_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => match runtime.spawn_blocking(work).await {
            Ok(done) => done,
            // Such work is not cancelled but when the runtime shuts down, and this future with it.
            Err(e) if e.is_cancelled() => std::future::pending().await,
            Err(e) => std::panic::resume_unwind(e.into_panic()),
        },
        Err(_) => work(),
    }
}
