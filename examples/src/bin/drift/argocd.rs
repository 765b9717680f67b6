//! The API server of Argo CD that the command line names.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use drift_core::ResourceKey;
use drift_sources::argo::Application;
use drift_sources::argo::answer::ApplicationAnswer;
use drift_sources::argo::server::{ArgoServer, ServerLimits, ServerOptions, Token};

use crate::args::ArgoArgs;
use crate::failure::{Failure, chain};
use crate::inputs::Notes;

/// Environment variable of the token, as `argocd` has it.
const TOKEN: &str = "ARGOCD_AUTH_TOKEN";
/// Largest token file.
const MAX_TOKEN: u64 = 64 << 10;

/// Asks what Applications declare; nothing where no server is named.
pub(crate) async fn ask(
    args: &ArgoArgs,
    apps: &[&Application],
    notes: &mut Notes,
) -> Result<BTreeMap<ResourceKey, ApplicationAnswer>, Failure> {
    let Some(url) = &args.server else { return Ok(BTreeMap::new()) };
    let options = ServerOptions {
        url: url.clone(),
        token: token(args.token_file.as_deref())?,
        ca_file: args.ca_file.clone(),
        limits: ServerLimits::default(),
    };
    let server = ArgoServer::new(options).await.map_err(|e| Failure::new("no Argo CD to ask").because(&e))?;
    if apps.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answers = server
        .fetch_answers(apps)
        .await
        .map_err(|e| Failure::new(format!("cannot ask Argo CD at {}", server.url())).because(&e))?;
    let mut known = BTreeMap::new();
    for (app, answer) in answers {
        match answer {
            Ok(answer) => drop(known.insert(app, answer)),
            Err(why) => notes.miss(format!("{app}: {}", chain(&why).join(": "))),
        }
    }
    Ok(known)
}

fn token(file: Option<&Path>) -> Result<Token, Failure> {
    let text = match file {
        Some(path) => read(path)?,
        None => std::env::var(TOKEN).map_err(|_| {
            Failure::new("no token for Argo CD")
                .hint(format!("put it into ${TOKEN}, or name a file with --argocd-token-file"))
        })?,
    };
    Token::new(&text).ok_or_else(|| {
        let place = file.map_or_else(|| format!("${TOKEN}"), |f| f.display().to_string());
        Failure::new(format!("what is in {place} is no token"))
            .hint("one line of printable characters is; `argocd account generate-token` makes one")
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot read the token file `{}`", path.display())).because(&e)
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_TOKEN).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
