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
        let Err(RenderError::Refused { file, .. }) = &refused else {
            unreachable!("{kustomization}: {refused:?}")
        };
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

/// Memory that a run may take in all, by the promise of the README.
const MOST_MEMORY: u64 = 512 << 20;

/// Resident bytes of the processes below this one that are called `name`.
fn resident(name: &str) -> u64 {
    let number = |status: &str, field: &str| {
        let value = status.lines().find_map(|l| l.strip_prefix(field))?;
        value.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let ours = u64::from(std::process::id());
    let status = std::fs::read_dir("/proc").unwrap().flatten();
    let status = status.filter_map(|p| std::fs::read_to_string(p.path().join("status")).ok());
    let mine =
        status.filter(|s| number(s, "PPid:") == Some(ours) && s.starts_with(&format!("Name:\t{name}\n")));
    mine.filter_map(|s| number(&s, "VmRSS:")).sum::<u64>() << 10
}

pub(crate) fn memory() {
    let bomb = "{{- $s := repeat 20 \"aaaaaaaaaa\" }}{{- range until 40 }}{{ $s = printf \"%s%s\" $s $s }}{{ end }}x: {{ len $s }}\n";
    let list = "{{- $l := list }}{{- range until 10000000 }}{{ $l = append $l (dict \"a\" (repeat 100 \"a\")) }}{{ end }}x: {{ len $l }}\n";
    for template in [bomb, list] {
        let repository = repository(&[
            ("app/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"),
            ("app/templates/a.yaml", template),
        ]);
        grows_within_limits(&repository, Program::Helm, &["template", "."]);
    }
}

pub(crate) fn kustomization_memory() {
    // Each folder takes two of those before it, under names of their own: 24 of them make sixteen million objects of one.
    let mut files = Vec::new();
    for side in ["a", "b"] {
        let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n".to_owned();
        files.push((format!("level0/{side}/a.yaml"), config));
        let one = format!("resources: [a.yaml]\nnamePrefix: {side}-\n");
        files.push((format!("level0/{side}/kustomization.yaml"), one));
        for level in 1..24 {
            let below = format!("../../level{}", level - 1);
            let both = format!("resources: [{below}/a, {below}/b]\nnamePrefix: {side}{level}-\n");
            files.push((format!("level{level}/{side}/kustomization.yaml"), both));
        }
    }
    files.push(("app/kustomization.yaml".to_owned(), "resources: [../level23/a, ../level23/b]\n".to_owned()));
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    grows_within_limits(
        &repository(&files),
        Program::Kustomize,
        &["build", ".", "--load-restrictor", "LoadRestrictionsNone"],
    );
}

/// Checks that a program that would grow for ever ends within its limits of time and memory.
fn grows_within_limits(repository: &Repository, program: Program, arguments: &[&str]) {
    let (name, tree) = (if program == Program::Helm { "helm" } else { "kustomize" }, tree(repository));
    let timeout = std::time::Duration::from_secs(10);
    let options = RenderOptions { timeout, ..RenderOptions::in_folders(folders()) };
    let arguments: Vec<_> = arguments.iter().map(|a| (*a).to_owned()).collect();
    let began = std::time::Instant::now();
    let run = std::thread::spawn(move || Renderer::new(options).run(program, &tree, "app", &arguments, &[]));
    let mut most = 0;
    while !run.is_finished() {
        most = most.max(resident(name));
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let output = run.join().unwrap();
    assert!(matches!(output, Err(RenderError::Limit { .. })), "{output:?}");
    assert!(most < MOST_MEMORY, "{name} took {} MiB", most >> 20);
    assert!(began.elapsed() < timeout * 2, "{:?}", began.elapsed());
}

/// A program in place of kustomize.
fn script(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kustomize");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    folder
}

fn plain() -> Repository {
    repository(&[("app/kustomization.yaml", "resources: []\n")])
}

pub(crate) fn processes() {
    let repository = plain();
    // Each writes its number where the test finds it.
    let numbers = tempfile::NamedTempFile::new().unwrap();
    let start = format!("/bin/sleep 60 & echo $! >> {}", numbers.path().display());
    let many = script(&format!("for i in 1 2 3 4 5 6 7 8 9 10 11 12; do {start}; done; wait"));
    let started = std::time::Instant::now();
    let ended = build(&repository, RenderOptions::in_folders(vec![many.path().to_owned()]));
    assert!(ended.as_ref().is_err_and(|e| e.to_string().contains("processes")), "{ended:?}");
    // What is left behind and holds the output open does not keep anybody waiting.
    let left = script(&format!("echo 'kind: List'; {start}; exit 0"));
    let output = build(&repository, RenderOptions::in_folders(vec![left.path().to_owned()]));
    assert_eq!(output.unwrap(), "kind: List\n");
    assert!(started.elapsed() < std::time::Duration::from_secs(20));
    let numbers = std::fs::read_to_string(numbers.path()).unwrap();
    // One that has ended and is not collected yet has no command line.
    let runs = |pid: &&str| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|c| c.contains("sleep"))
    };
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(numbers.lines().count() > 1);
    assert_eq!(numbers.lines().filter(runs).collect::<Vec<_>>(), Vec::<&str>::new());
}

pub(crate) fn total() {
    let repository = plain();
    let tree = tree(&repository);
    let run = |options: RenderOptions| {
        let renderer = Renderer::new(options);
        let started = std::time::Instant::now();
        let run = |i: u32| renderer.run(Program::Kustomize, &tree, "app", &[i.to_string()], &[]);
        let last = (0..20).map(run).last().unwrap();
        (started.elapsed(), last.map(drop).map_err(|e| e.to_string()))
    };
    let slow = script("/bin/sleep 60");
    let options = RenderOptions::in_folders(vec![slow.path().to_owned()]);
    let second = std::time::Duration::from_secs(1);
    let (took, last) = run(RenderOptions { timeout: second, total_time: 2 * second, ..options.clone() });
    assert!(took < 10 * second, "{took:?}");
    assert!(last.as_ref().is_err_and(|e| e.contains("for all sources")), "{last:?}");
    let wordy = script("echo 'aaaaaaaaaa'");
    let options = RenderOptions::in_folders(vec![wordy.path().to_owned()]);
    let (_, last) = run(RenderOptions { total_output: 30, ..options });
    assert!(last.as_ref().is_err_and(|e| e.contains("all sources")), "{last:?}");
}
