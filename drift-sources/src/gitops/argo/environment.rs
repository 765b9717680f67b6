//! What a build knows of its Application, and puts into parameters, names of files, labels and annotations.

use std::collections::BTreeMap;

use crate::argo::{Application, ApplicationSource};
use crate::git::CommitId;

/// The variables of a build (`newEnv` of the repo server).
#[derive(Clone, Debug)]
pub(super) struct Environment(BTreeMap<&'static str, String>);

impl Environment {
    /// Takes the variables from an Application (under the name that tracking goes by), one of its sources and a commit.
    pub(super) fn new(
        app: &Application,
        instance: String,
        source: &ApplicationSource,
        commit: CommitId,
    ) -> Self {
        let revision = commit.to_string();
        let short = |n: usize| revision.chars().take(n).collect::<String>();
        Self(BTreeMap::from([
            ("ARGOCD_APP_NAME", instance),
            ("ARGOCD_APP_NAMESPACE", app.destination.namespace.clone()),
            ("ARGOCD_APP_PROJECT_NAME", app.project.to_string()),
            ("ARGOCD_APP_REVISION_SHORT", short(7)),
            ("ARGOCD_APP_REVISION_SHORT_8", short(8)),
            ("ARGOCD_APP_REVISION", revision),
            ("ARGOCD_APP_SOURCE_REPO_URL", source.repo_url.clone()),
            ("ARGOCD_APP_SOURCE_PATH", source.path.clone().unwrap_or_default()),
            ("ARGOCD_APP_SOURCE_TARGET_REVISION", source.target_revision.clone().unwrap_or_default()),
        ]))
    }

    /// Replaces `$NAME` and `${NAME}` as Go's `os.Expand` does: an unknown one becomes empty, `$$` stays as `$`.
    pub(super) fn expand_variables(&self, text: &str) -> String {
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let (name, skip) = name(rest);
            match name {
                Some("$") => out.push('$'),
                Some(name) => out.push_str(self.0.get(name).map_or("", |v| v)),
                None if skip == 0 => out.push('$'),
                None => {}
            }
            rest = &rest[skip..];
        }
        out + rest
    }
}

/// The name behind a `$`, and how much of the text it takes; without a name, what is taken is dropped.
fn name(text: &str) -> (Option<&str>, usize) {
    const SPECIAL: &[u8] = b"*#$@!?-0123456789";
    let first = text.bytes().next();
    match first {
        Some(b'{') => {
            let inner = &text[1..];
            match inner.find('}') {
                Some(0) => (None, 2),
                Some(end) => (Some(&inner[..end]), end + 2),
                // Bad syntax: the brace is eaten.
                None => (None, 1),
            }
        }
        Some(b) if SPECIAL.contains(&b) => (Some(&text[..1]), 1),
        _ => {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            if end == 0 { (None, 0) } else { (Some(&text[..end]), end) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_go_expands_them() {
        let source = ApplicationSource {
            repo_url: "https://git.example.com/r.git".into(),
            path: Some("app".into()),
            ..ApplicationSource::default()
        };
        let app = Application {
            name: "web".into(),
            project: "default".into(),
            destination: crate::argo::ApplicationDestination {
                namespace: "prod".into(),
                ..Default::default()
            },
            ..Default::default()
        };
        let id: CommitId = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
        let environment = Environment::new(&app, "team_web".into(), &source, id);
        for (text, want) in [
            ("$ARGOCD_APP_NAME-${ARGOCD_APP_NAMESPACE}", "team_web-prod"),
            ("v-$ARGOCD_APP_REVISION_SHORT.x", "v-0123456.x"),
            ("${ARGOCD_APP_REVISION_SHORT_8}", "01234567"),
            ("$ARGOCD_APP_NAMESPACED|", "|"),
            ("$$HOME costs 5$", "$HOME costs 5$"),
            ("$1a ${} ${open", "a  open"),
            ("é$ARGOCD_APP_SOURCE_PATH/é", "éapp/é"),
        ] {
            assert_eq!(environment.expand_variables(text), want, "{text}");
        }
    }
}
