//! A kustomization that is not refused names nothing that kustomize would fetch. Nothing is run: no time is left for it.
//!
//! Line 1 is the name of the file, the rest its text.
#![no_main]

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use drift_core::Kind;
use drift_fuzz::split_line;
use drift_sources::render::{CommitFiles, Program, RenderError, RenderOptions, Renderer};
use drift_sources::yaml;
use libfuzzer_sys::fuzz_target;

static TREE: LazyLock<(Renderer, CommitFiles)> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("drift-fuzz-{}", std::process::id()));
    for (name, text) in [
        ("tree/app/a.yaml", ""),
        ("tree/nested/kustomization.yaml", "resources: ['https://example.invalid/nested.yaml']\n"),
        ("tree/fine/kustomization.yaml", "namespace: a\n"),
        ("bin/kustomize", "#!/bin/false\n"),
    ] {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
    }
    let program = folder.join("bin/kustomize");
    let mut rights = std::fs::metadata(&program).expect("just written").permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
    std::fs::set_permissions(&program, rights).expect("it is ours");
    let mut options = RenderOptions::in_folders(vec![folder.join("bin")]);
    options.total_time = Duration::ZERO;
    let (tree, _) = CommitFiles::from_disk(&BTreeSet::from([folder.join("tree")])).expect("a small tree");
    (Renderer::new(options), tree)
});

fuzz_target!(|data: &[u8]| {
    let (name, text) = split_line(data);
    let name = match name {
        b"yml" => "app/kustomization.yml",
        b"Kustomization" => "app/Kustomization",
        _ => "app/kustomization.yaml",
    };
    let (renderer, tree) = &*TREE;
    let edits = [(name.to_owned(), text.to_vec())];
    match renderer.run_uncached(Program::Kustomize, tree, "app", &[], &edits) {
        Err(RenderError::Refused { .. }) => return,
        // Not refused, and not run.
        Err(RenderError::Limit { .. }) => {}
        other => panic!("{other:?}"),
    }
    for document in yaml::read(text) {
        let document = document.expect("what cannot be read is refused");
        let root = document.doc.root();
        let fields = (root.kind() == Kind::Map).then(|| root.children()).into_iter().flatten();
        for list in
            fields.filter(|f| ["resources", "bases", "components"].contains(&&*f.key().to_lowercase()))
        {
            let items = (list.kind() == Kind::List).then(|| list.children()).into_iter().flatten();
            for item in items.filter_map(|i| i.as_str()) {
                assert!(!item.starts_with("http://") && !item.starts_with("https://"), "{item}");
                assert!(!item.starts_with('/') && !item.contains("nested"), "{item}");
            }
        }
    }
});
