//! Schemas: the bundled ones, those of CustomResourceDefinitions at hand, those of a folder.

use std::io::Read;
use std::path::{Path, PathBuf};

use drift_core::Object;
use drift_core::schema::{SchemaSet, SchemaSetBuilder};

use super::Notes;
use crate::failure::{Failure, one_line};

/// Largest schema document that is read, decompressed.
const MAX_SIZE: u64 = 256 << 20;

/// Puts together what is known of kinds: a folder over live definitions over declared ones over what comes along.
pub(crate) fn gather<'a>(
    folder: Option<&Path>,
    declared: impl IntoIterator<Item = &'a Object>,
    live: impl IntoIterator<Item = &'a Object>,
    notes: &mut Notes,
) -> Result<SchemaSet, Failure> {
    let mut builder = SchemaSetBuilder::default();
    let mut any = false;
    // What comes later wins: the cluster serves what is live, whatever is declared.
    for definition in declared.into_iter().chain(live).filter(|o| is_definition(o)) {
        any = true;
        if let Err(e) = builder.crd(definition) {
            notes.add(format!("{}: {}", definition.key(), one_line(&e)));
        }
    }
    for file in folder.map(files).transpose()?.unwrap_or_default() {
        any = true;
        let read = read(&file).map_err(|e| e.to_string());
        let added = read.and_then(|text| builder.openapi_v3(&text).map(|_| ()).map_err(|e| one_line(&e)));
        if let Err(why) = added {
            notes.miss(format!("{}: {why}", file.display()));
        }
    }
    let bundled = SchemaSet::bundled();
    Ok(if any { SchemaSet::layered(&bundled, &builder.build()) } else { (*bundled).clone() })
}

fn is_definition(object: &Object) -> bool {
    object.kind() == "CustomResourceDefinition" && object.group() == "apiextensions.k8s.io"
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: std::io::Error| {
        Failure::new(format!("cannot read schemas in `{}`", folder.display())).because(&e)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
        if name.ends_with(".json") || name.ends_with(".json.gz") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        let failure = Failure::new(format!("no schemas in `{}`", folder.display()));
        return Err(failure.hint("--schemas takes a folder with OpenAPI v3 documents, *.json or *.json.gz"));
    }
    Ok(files)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let compressed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let stream: Box<dyn Read> =
        if compressed { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut text = Vec::new();
    stream.take(MAX_SIZE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_SIZE {
        return Err(std::io::Error::other(format!("larger than {MAX_SIZE} bytes")));
    }
    Ok(text)
}
