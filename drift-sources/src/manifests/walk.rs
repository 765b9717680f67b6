//! A folder and all below it, in a fixed order, without leaving it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{FolderDepth, ManifestReader, ProblemKind, is_manifest_name};

/// Adds all manifests below a folder.
pub(super) fn add_folder(reader: &mut ManifestReader, root: &Path) -> io::Result<()> {
    let real_root = fs::canonicalize(root)?;
    // The last entry is next, so that folders and files come in one order of their paths.
    let mut waiting = sorted_entries(root)?;
    while let Some(path) = waiting.pop() {
        let name = relative_name(root, &path);
        if reader.left_out.contains(&path) {
            continue;
        }
        match entry_kind(&path, &real_root) {
            Ok(EntryKind::Folder) if is_hidden(&path) => {}
            Ok(EntryKind::Folder) if reader.depth == FolderDepth::Top => {
                let why = ProblemKind::Skipped("a folder, which is read only recursively (-R)");
                reader.note_problem(&name, None, why);
            }
            Ok(EntryKind::Folder) => match sorted_entries(&path) {
                Ok(found) => waiting.extend(found),
                Err(e) => reader.note_problem(&name, None, ProblemKind::Unreadable(e.to_string())),
            },
            Ok(EntryKind::File) if is_manifest_name(&name) => add_entry(reader, &name, &path),
            Ok(EntryKind::Left(why)) => reader.note_problem(&name, None, ProblemKind::Skipped(why)),
            Ok(EntryKind::Other) if is_manifest_name(&name) => {
                reader.note_problem(&name, None, ProblemKind::Skipped("neither a file nor a folder"));
            }
            Ok(EntryKind::File | EntryKind::Other) => {}
            Err(e) => reader.note_problem(&name, None, ProblemKind::Unreadable(e.to_string())),
        }
    }
    Ok(())
}

enum EntryKind {
    Folder,
    File,
    Other,
    Left(&'static str),
}

/// A link to a folder is never followed, as with kubectl: what it shows is read at its own place, and no loop can be.
fn entry_kind(path: &Path, real_root: &Path) -> io::Result<EntryKind> {
    let kind = fs::symlink_metadata(path)?.file_type();
    if kind.is_dir() {
        return Ok(EntryKind::Folder);
    }
    if !kind.is_symlink() {
        return Ok(if kind.is_file() { EntryKind::File } else { EntryKind::Other });
    }
    let Ok(target) = fs::canonicalize(path) else {
        return Ok(EntryKind::Left("a symbolic link that leads nowhere"));
    };
    Ok(match target.metadata()? {
        m if m.is_dir() => EntryKind::Left("a symbolic link to a folder"),
        m if !m.is_file() => EntryKind::Other,
        _ if target.starts_with(real_root) => EntryKind::File,
        _ if is_manifest_name(&path.to_string_lossy()) => {
            EntryKind::Left("a symbolic link that leads out of the folder")
        }
        _ => EntryKind::Other,
    })
}

fn add_entry(reader: &mut ManifestReader, name: &str, path: &Path) {
    let limit = reader.max_file_size;
    match fs::File::open(path).and_then(|f| Ok((f.metadata()?.len(), f))) {
        Ok((size, _)) if size > limit => reader.note_problem(name, None, ProblemKind::TooLarge { limit }),
        Ok((_, file)) => reader.add_stream(name, file),
        Err(e) => reader.note_problem(name, None, ProblemKind::Unreadable(e.to_string())),
    }
}

/// Returns the entries of a folder, the first by name last.
fn sorted_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = fs::read_dir(folder)?.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>()?;
    found.sort_by(|a, b| b.file_name().cmp(&a.file_name()));
    Ok(found)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn relative_name(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
