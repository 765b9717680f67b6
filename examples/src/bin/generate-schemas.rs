//! Makes the table of built-in kinds that `drift-core` ships.
//!
//! `cargo run -p drift-examples --bin generate-schemas -- --openapi DIR --go DIR --out FILE`
//!
//! `--openapi` is a folder of OpenAPI v3 documents, one `.json` file for each group and version, as
//! `kubectl get --raw /openapi/v3/apis/apps/v1` prints them. `--go` (repeatable) is the source of a Go module with API
//! types (`k8s.io/api`, `k8s.io/apimachinery`, ...) of the same release: only there it is written which fields drop
//! their zero value.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use drift_core::schema::SchemaSetBuilder;

/// Module roots by the prefix that OpenAPI names have for their packages.
const PREFIXES: [(&str, &str); 4] = [
    ("apiextensions-apiserver@", "io.k8s.apiextensions-apiserver"),
    ("kube-aggregator@", "io.k8s.kube-aggregator"),
    ("apimachinery@", "io.k8s.apimachinery"),
    ("api@", "io.k8s.api"),
];

/// Fields that drop their zero value, by OpenAPI name of the type.
type Omitted = BTreeMap<String, BTreeSet<String>>;

struct Args {
    openapi: PathBuf,
    go: Vec<PathBuf>,
    out: PathBuf,
}

fn args() -> Result<Args, Box<dyn Error>> {
    let (mut openapi, mut go, mut out) = (None, Vec::new(), None);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = PathBuf::from(words.next().ok_or_else(|| format!("{word} needs a value"))?);
        match word.as_str() {
            "--openapi" => openapi = Some(value),
            "--go" => go.push(value),
            "--out" => out = Some(value),
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    Ok(Args {
        openapi: openapi.ok_or("--openapi DIR is missing")?,
        go,
        out: out.ok_or("--out FILE is missing")?,
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = args()?;
    let mut builder = SchemaSetBuilder::bare();
    for file in files(&args.openapi, "json")? {
        builder.openapi_v3(&std::fs::read(&file)?).map_err(|e| format!("{}: {e}", file.display()))?;
    }
    let set = builder.build();
    let mut omitted = Omitted::new();
    let mut release = Vec::new();
    for root in &args.go {
        let name = root.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let (_, prefix) = PREFIXES.iter().find(|(p, _)| name.starts_with(p)).ok_or("unknown Go module")?;
        read_module(root, root, prefix, &mut omitted)?;
        release.push(name);
    }
    inline_embedded(&mut omitted);
    let omits = |ty: &str, field: &str| omitted.get(ty).is_some_and(|f| f.contains(field));
    let table = set.to_table(&release.join(" "), &omits)?;
    std::fs::write(&args.out, &table)?;
    writeln!(std::io::stderr(), "{} kinds, {} bytes", set.kinds().count(), table.len())?;
    Ok(())
}

/// Returns the files of a folder with an extension, sorted.
fn files(folder: &Path, extension: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read_module(
    root: &Path,
    folder: &Path,
    prefix: &str,
    omitted: &mut Omitted,
) -> Result<(), Box<dyn Error>> {
    let below = folder.strip_prefix(root)?;
    let package: String =
        below.components().map(|c| format!(".{}", c.as_os_str().to_string_lossy())).collect();
    for file in files(folder, "go")? {
        read_types(&std::fs::read_to_string(file)?, &format!("{prefix}{package}"), omitted);
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_module(root, &path, prefix, omitted)?;
        }
    }
    Ok(())
}

/// Reads the structs of a file: a field that is no pointer and has `omitempty` drops its zero value, as lists and maps
/// always do.
///
/// An embedded struct stands under its name with a `+`; see [`inline_embedded`].
fn read_types(source: &str, package: &str, omitted: &mut Omitted) {
    let mut open: Option<String> = None;
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("type ").and_then(|l| l.strip_suffix(" struct {")) {
            open = Some(format!("{package}.{name}"));
        } else if line == "}" {
            open = None;
        }
        let (Some(ty), Some((code, tag))) = (&open, line.split_once("`json:\"")) else { continue };
        let words: Vec<&str> = code.split_whitespace().collect();
        let tag = tag.split('"').next().unwrap_or_default();
        let (name, options) = tag.split_once(',').unwrap_or((tag, ""));
        if words.len() == 1 && options.contains("inline") {
            omitted.entry(ty.clone()).or_default().insert(format!("+{}", words[0]));
            continue;
        }
        let Some(go) = words.get(1).filter(|go| !go.starts_with('*')) else { continue };
        // No omitempty on a list or a map: an empty one and none are still the same to Go.
        if options.contains("omitempty") || go.starts_with('[') || go.starts_with("map[") {
            omitted.entry(ty.clone()).or_default().insert(name.to_owned());
        }
    }
}

/// Makes the fields of embedded structs of the same package those of the embedding one.
fn inline_embedded(omitted: &mut Omitted) {
    // Embedding goes two levels deep at most: a named rule with operations holds a rule.
    for _ in 0..2 {
        let before = omitted.clone();
        for (ty, fields) in omitted.iter_mut() {
            let package = ty.rsplit_once('.').map_or("", |(package, _)| package);
            let embedded = before[ty].iter().filter_map(|f| f.strip_prefix('+'));
            let names = embedded.filter_map(|name| before.get(&format!("{package}.{name}")));
            fields.extend(names.flatten().cloned());
        }
    }
}
