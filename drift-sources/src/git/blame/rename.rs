//! Which file of a parent a new file was renamed from, by git's rules (diffcore-rename.c, its defaults).

use std::collections::HashMap;

use gix::ObjectId;

use super::super::{BlobId, GitError, GitRepo};

/// Similarity is in parts of this; half of it makes a rename.
const MAX_SCORE: u64 = 60_000;
const MIN_SCORE: u64 = MAX_SCORE / 2;
/// A file of the same name is taken without looking at others from here.
const SAME_NAME_SCORE: u64 = MIN_SCORE + (MAX_SCORE - MIN_SCORE) / 2;

/// The file of tree `old`, gone from tree `new`, that `path` with content `blob` was renamed from.
pub(super) fn renamed_from(
    repo: &GitRepo,
    old: ObjectId,
    new: ObjectId,
    path: &str,
    blob: ObjectId,
) -> Result<Option<(String, ObjectId)>, GitError> {
    let gone = repo.deleted_files(old, new)?;
    if let Some(same) = best_source(gone.iter().filter(|(_, id)| *id == blob).map(|source| (1, source)), path)
    {
        return Ok(Some(same.clone()));
    }
    let target = FilePieces::new(&repo.read_blob(BlobId(blob), path)?);
    let mut scored = Vec::new();
    for source in &gone {
        scored.push((similarity_score(repo, source, &target)?, source));
    }
    let mut namesakes = scored.iter().filter(|(_, (p, _))| file_name(p) == file_name(path));
    if let (Some((score, source)), None) = (namesakes.next(), namesakes.next())
        && *score >= SAME_NAME_SCORE
    {
        return Ok(Some((*source).clone()));
    }
    Ok(best_source(scored.into_iter().filter(|(score, _)| *score >= MIN_SCORE), path).cloned())
}

type RenameSource = (String, ObjectId);

/// The highest score; of equal ones a file of the same name, then the first.
fn best_source<'a>(
    sources: impl Iterator<Item = (u64, &'a RenameSource)>,
    path: &str,
) -> Option<&'a RenameSource> {
    let mut best: Option<((u64, bool), &RenameSource)> = None;
    for (score, source) in sources {
        let rank = (score, file_name(&source.0) == file_name(path));
        if best.is_none_or(|(highest, _)| rank > highest) {
            best = Some((rank, source));
        }
    }
    best.map(|(_, source)| source)
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn similarity_score(repo: &GitRepo, source: &RenameSource, target: &FilePieces) -> Result<u64, GitError> {
    let (path, id) = source;
    let size = repo.blob_size(BlobId(*id), path)?;
    let (larger, smaller) = (size.max(target.size), size.min(target.size));
    // Sizes too far apart: no need to read it.
    if larger * (MAX_SCORE - MIN_SCORE) < (larger - smaller) * MAX_SCORE || larger == 0 {
        return Ok(0);
    }
    let source = FilePieces::new(&repo.read_blob(BlobId(*id), path)?);
    Ok(source.copied_into(target) * MAX_SCORE / larger)
}

/// The pieces of a file, up to a line end or 64 bytes long, each with the number of bytes in all of its copies.
struct FilePieces {
    size: u64,
    pieces: HashMap<Vec<u8>, u64>,
}

const LONGEST_PIECE: usize = 64;

impl FilePieces {
    fn new(bytes: &[u8]) -> Self {
        let is_text = !bytes.iter().take(8000).any(|b| *b == 0);
        let mut pieces: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut add = |piece: Vec<u8>| {
            let bytes = piece.len() as u64;
            *pieces.entry(piece).or_default() += bytes;
        };
        let mut piece = Vec::with_capacity(LONGEST_PIECE);
        for (i, byte) in bytes.iter().enumerate() {
            if is_text && *byte == b'\r' && bytes.get(i + 1) == Some(&b'\n') {
                continue;
            }
            piece.push(*byte);
            if piece.len() == LONGEST_PIECE || *byte == b'\n' {
                add(std::mem::take(&mut piece));
            }
        }
        if !piece.is_empty() {
            add(piece);
        }
        Self { size: bytes.len() as u64, pieces }
    }

    fn copied_into(&self, target: &Self) -> u64 {
        let common =
            |(piece, bytes): (&Vec<u8>, &u64)| target.pieces.get(piece).map_or(0, |b| (*b).min(*bytes));
        self.pieces.iter().map(common).sum()
    }
}
