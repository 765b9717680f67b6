//! A folder and all below it, in a fixed order, without leaving it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{ManifestReader, ProblemKind, is_manifest_name};

/// Adds all manifests below a folder.
pub(super) fn walk(reader: &mut ManifestReader, root: &Path) -> io::Result<()> {
    let real_root = fs::canonicalize(root)?;
    // The last entry is next, so that folders and files come in one order of their paths.
    let mut waiting = entries(root)?;
    while let Some(path) = waiting.pop() {
        let name = relative(root, &path);
        match what(&path, &real_root) {
            Ok(What::Folder) if is_hidden(&path) => {}
            Ok(What::Folder) => match entries(&path) {
                Ok(found) => waiting.extend(found),
                Err(e) => reader.note(&name, None, ProblemKind::Unreadable(e.to_string())),
            },
            Ok(What::File) if is_manifest_name(&name) => add(reader, &name, &path),
            Ok(What::Left(why)) => reader.note(&name, None, ProblemKind::Skipped(why)),
            Ok(What::Other) if is_manifest_name(&name) => {
                reader.note(&name, None, ProblemKind::Skipped("neither a file nor a folder"));
            }
            Ok(What::File | What::Other) => {}
            Err(e) => reader.note(&name, None, ProblemKind::Unreadable(e.to_string())),
        }
    }
    Ok(())
}

enum What {
    Folder,
    File,
    Other,
    Left(&'static str),
}

/// A link to a folder is never followed, as with kubectl: what it shows is read at its own place, and no loop can be.
fn what(path: &Path, real_root: &Path) -> io::Result<What> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        return Ok(What::Folder);
    }
    if !kind.is_symlink() {
        return Ok(if kind.is_file() { What::File } else { What::Other });
    }
    let Ok(target) = fs::canonicalize(path) else {
        return Ok(What::Left("a symbolic link that leads nowhere"));
    };
    Ok(match target.metadata()? {
        m if m.is_dir() => What::Left("a symbolic link to a folder"),
        m if !m.is_file() => What::Other,
        _ if target.starts_with(real_root) => What::File,
        _ if is_manifest_name(&path.to_string_lossy()) => {
            What::Left("a symbolic link that leads out of the folder")
        }
        _ => What::Other,
    })
}

fn add(reader: &mut ManifestReader, name: &str, path: &Path) {
    let limit = reader.max_file_size;
    match fs::File::open(path).and_then(|f| Ok((f.metadata()?.len(), f))) {
        Ok((size, _)) if size > limit => reader.note(name, None, ProblemKind::TooLarge { limit }),
        Ok((_, file)) => reader.add_stream(name, file),
        Err(e) => reader.note(name, None, ProblemKind::Unreadable(e.to_string())),
    }
}

/// Returns the entries of a folder, the first by name last.
fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
    found.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    Ok(found)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
