//! Argo CD's API server, asked for what Git does not say.

use std::collections::BTreeMap;

use drift_core::ResourceKey;
use drift_core::text::error_line;

use super::{EstateError, InputNotes};
use crate::argo::Application;
use crate::argo::answer::ApplicationAnswer;
use crate::argo::server::{ArgoServer, ServerOptions};

/// Asks what Applications declare. An Application that it does not answer for is a note.
pub(super) async fn ask_argocd(
    options: ServerOptions,
    apps: &[Application],
    notes: &mut InputNotes,
) -> Result<BTreeMap<ResourceKey, ApplicationAnswer>, EstateError> {
    let server = ArgoServer::new(options).await.map_err(|e| EstateError::Unreachable {
        what: "no Argo CD to ask".to_owned(),
        source: Box::new(e),
    })?;
    if apps.is_empty() {
        return Ok(BTreeMap::new());
    }
    let apps: Vec<&Application> = apps.iter().collect();
    let answers = server.fetch_answers(&apps).await.map_err(|e| EstateError::Unreachable {
        what: format!("cannot ask Argo CD at {}", server.url()),
        source: Box::new(e),
    })?;
    let mut known = BTreeMap::new();
    for (app, answer) in answers {
        match answer {
            Ok(answer) => drop(known.insert(app, answer)),
            Err(why) => notes.add_incomplete(format!("{app}: {}", error_line(&why))),
        }
    }
    Ok(known)
}
