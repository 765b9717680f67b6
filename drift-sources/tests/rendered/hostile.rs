//! What a repository that is not trusted could try while it is rendered.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use drift_sources::render::{CommitFiles, Program, RenderError, RenderOptions, Renderer};

use crate::repository::Repository;
use crate::{folders, open, repository};

/// A listener on the loopback interface that serves a ConfigMap and counts who comes.
pub(crate) struct Listener {
    port: u16,
    visits: Arc<AtomicUsize>,
}

impl Listener {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&visits);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let Ok(mut stream) = stream else { continue };
                let _ = stream.read(&mut [0; 1024]);
                let body =
                    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"fetched\"}}";
                let head =
                    format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                let _ = stream.write_all((head + body).as_bytes());
            }
        });
        Self { port, visits }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

fn tree(repository: &Repository) -> CommitFiles {
    let repo = open(repository);
    CommitFiles::from_commit(&repo, &repo.resolve("HEAD").unwrap(), |_| true).unwrap()
}

fn build(repository: &Repository, options: RenderOptions) -> Result<String, RenderError> {
    let arguments = ["build", ".", "--load-restrictor", "LoadRestrictionsNone"].map(str::to_owned);
    let output = Renderer::new(options).run(Program::Kustomize, &tree(repository), "app", &arguments, &[])?;
    Ok(String::from_utf8(output.to_vec()).unwrap())
}

pub(crate) fn references() {
    let listener = Listener::start();
    let at = |path: &str| listener.url(path);
    let inline = format!(
        "{{apiVersion: builtin, kind: PatchTransformer, metadata: {{name: a}}, path: '{}', target: {{kind: ConfigMap}}}}",
        at("t")
    );
    let binary = "aHR0cDovLzEyNy4wLjAuMTo5L2EueWFtbA==";
    let kustomizations = [
        format!("resources: ['{}']", at("a.yaml")),
        format!("Resources: ['{}']", at("a.yaml")),
        format!("re\u{17f}ources: ['{}']", at("a.yaml")),
        format!("a: &a ['{}']\nresources: *a", at("a.yaml")),
        format!("resources: [!!binary {binary}]"),
        format!("bases: ['{}']", at("a")),
        format!("components: ['git::{}']", at("a.git//x")),
        format!("crds: ['{}']", at("a.yaml")),
        format!("configurations: ['{}']", at("a.yaml").replace("http", "HTTP")),
        format!("openapi: {{path: '{}'}}", at("a.json")),
        format!("generators: ['{}']", at("a.yaml")),
        format!("transformers: ['{}']", at("a.yaml")),
        format!("transformers: [\"{inline}\"]"),
        format!("transformers: [|-\n  {inline}\n  ]").replace("\n  ]", "\n").replace("[|-", "\n- |-"),
        format!("validators: ['{}']", at("a.yaml")),
        format!("patches: [{{path: '{}'}}]", at("a.yaml")),
        format!("patchesStrategicMerge: ['{}']", at("a.yaml")),
        format!("patchesJson6902: [{{path: '{}'}}]", at("a.yaml")),
        format!("replacements: [{{path: '{}'}}]", at("a.yaml")),
        format!("configMapGenerator: [{{name: a, files: ['k={}']}}]", at("a.yaml")),
        format!("secretGenerator: [{{name: a, envs: ['{}']}}]", at("a.env")),
        format!("helmCharts: [{{name: a, repo: '{}'}}]", at("charts")),
        "resources: ['github.com/a/b//c?ref=x']".to_owned(),
        "resources: ['git@github.com:a/b.git']".to_owned(),
        "resources: ['ssh://git@git.example.com/a/b']".to_owned(),
        "resources: [../nested]".to_owned(),
        "transformers: [../transformer.yaml]".to_owned(),
        "transformers: [../plugins]".to_owned(),
        "configMapGenerator: [{name: a, files: [../../../../../../../../etc/hostname]}]".to_owned(),
        "configMapGenerator: [{name: a, files: [k=/etc/hostname]}]".to_owned(),
        "resources: [../../outside]".to_owned(),
    ];
    let nested = format!("resources: [deeper/../more]\npatches: [{{path: '{}'}}]", at("nested"));
    // A URL that is in no file: two parts are put together while the plugins are built.
    let composed = "resources: [t.yaml]\nreplacements:\n- source: {kind: PatchTransformer, name: a, fieldPath: metadata.name}\n  targets: [{select: {kind: PatchTransformer}, fieldPaths: [path]}]\n";
    for kustomization in kustomizations {
        let repository = repository(&[
            ("app/kustomization.yaml", &kustomization),
            ("nested/kustomization.yaml", &nested),
            ("transformer.yaml", &inline),
            ("plugins/kustomization.yaml", composed),
            ("plugins/t.yaml", &inline.replace(&at("t"), "x")),
        ]);
        let refused = build(&repository, RenderOptions::in_folders(folders()));
        let Err(RenderError::Refused { file, .. }) = &refused else { panic!("{kustomization}: {refused:?}") };
        assert!(!file.is_empty(), "{kustomization}");
    }
    assert_eq!(listener.visits(), 0);
}

pub(crate) fn allowed_hosts() {
    let listener = Listener::start();
    let kustomization = format!("resources: ['{}']", listener.url("a.yaml"));
    let repository = repository(&[("app/kustomization.yaml", &kustomization)]);
    let allowing = |host: &str| {
        let options = RenderOptions::in_folders(folders());
        build(&repository, RenderOptions { remote_hosts: [host].into_iter().collect(), ..options })
    };
    let other = allowing("git.example.com").unwrap_err().to_string();
    assert!(
        other.contains("app/kustomization.yaml") && other.contains("--allow-remote-bases 127.0.0.1"),
        "{other}"
    );
    assert_eq!(listener.visits(), 0);
    assert!(allowing("127.0.0.1").unwrap().contains("name: fetched"));
    assert!(listener.visits() > 0);
}

pub(crate) fn chart_schema() {
    let listener = Listener::start();
    let schema = format!("{{\"$ref\": \"{}\"}}", listener.url("schema.json"));
    let repository = repository(&[
        ("app/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
        ("app/values.schema.json", &schema),
        ("app/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),
    ]);
    let arguments = ["template", "."].map(str::to_owned);
    let renderer = Renderer::new(RenderOptions::in_folders(folders()));
    let output = renderer.run(Program::Helm, &tree(&repository), "app", &arguments, &[]);
    assert!(String::from_utf8_lossy(&output.unwrap()).contains("kind: ConfigMap"));
    assert_eq!(listener.visits(), 0);
}
