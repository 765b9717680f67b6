//! Schemas: those of a folder over those of CustomResourceDefinitions over the bundled ones.

use std::io::Read;
use std::path::{Path, PathBuf};

use drift_core::Object;
use drift_core::schema::{SchemaSet, SchemaSetBuilder};
use drift_core::text::error_line;

use super::{EstateError, InputNotes};

/// Largest schema document that is read, decompressed.
const MAX_SIZE: u64 = 256 << 20;

/// Combines what is known of kinds: the documents of a folder, then live definitions, then declared ones, then the bundled
/// schemas; of several for one kind the first counts.
///
/// A document or definition that cannot be read is a note, and its kinds are compared without it.
///
/// # Errors
/// When the folder cannot be listed or holds no schemas.
pub fn gather_schemas<'a>(
    folder: Option<&Path>,
    declared: impl IntoIterator<Item = &'a Object>,
    live: impl IntoIterator<Item = &'a Object>,
    notes: &mut InputNotes,
) -> Result<SchemaSet, EstateError> {
    let mut builder = SchemaSetBuilder::default();
    let mut is_empty = true;
    // What comes later wins: the cluster serves what is live, whatever is declared.
    for definition in declared.into_iter().chain(live).filter(|o| is_definition(o)) {
        is_empty = false;
        if let Err(e) = builder.crd(definition) {
            notes.add(format!("{}: {}", definition.key(), error_line(&e)));
        }
    }
    for file in folder.map(schema_files).transpose()?.unwrap_or_default() {
        is_empty = false;
        let read = read_document(&file).map_err(|e| e.to_string());
        let added = read.and_then(|text| builder.openapi_v3(&text).map(|_| ()).map_err(|e| error_line(&e)));
        if let Err(why) = added {
            notes.add_incomplete(format!("{}: {why}", file.display()));
        }
    }
    let bundled = SchemaSet::bundled();
    Ok(if is_empty { (*bundled).clone() } else { SchemaSet::layered(&bundled, &builder.build()) })
}

fn is_definition(object: &Object) -> bool {
    object.kind() == "CustomResourceDefinition" && object.group() == "apiextensions.k8s.io"
}

fn schema_files(folder: &Path) -> Result<Vec<PathBuf>, EstateError> {
    let failed = |e: std::io::Error| EstateError::unreadable(format!("schemas in `{}`", folder.display()), e);
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
        return Err(EstateError::unreadable(format!("schemas in `{}`", folder.display()), "there are none")
            .expecting("a folder with OpenAPI v3 documents is expected, *.json or *.json.gz"));
    }
    Ok(files)
}

fn read_document(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let is_compressed = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    let stream: Box<dyn Read> =
        if is_compressed { Box::new(flate2::read::MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut text = Vec::new();
    stream.take(MAX_SIZE + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX_SIZE {
        return Err(std::io::Error::other(format!("larger than {MAX_SIZE} bytes")));
    }
    Ok(text)
}
