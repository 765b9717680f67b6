//! A bundle of any objects is a repository or refused: what is read of it is the same twice, and no path leaves it.
//!
//! An input is sections that begin with a line `#KIND`: `commit`, `tree`, `blob` or `tag`, and are put into a pack with right
//! checksums; the last one is the branch. `@N` in a commit or tag is the id of section N. A tree is lines `MODE @N NAME`. In
//! `raw` stands a tree byte for byte. An input that begins with `# v` is a bundle as it stands.
#![no_main]

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::LazyLock;

use drift_sources::git::{GitLimits, GitLocation, GitOptions, GitRepo, GitSpec, HistoryOptions};
use libfuzzer_sys::fuzz_target;

/// The bundle of the current input.
static BUNDLE: LazyLock<PathBuf> =
    LazyLock::new(|| drift_fuzz::memory_folder().join(format!("drift-fuzz-{}.bundle", std::process::id())));

type Id = [u8; 20];

fn sha1(bytes: &[u8]) -> Id {
    // A collision of an input is worth a crash.
    sha1dc::digest(bytes).expect("no collision").into()
}

fn hex(id: &Id) -> String {
    id.iter().map(|b| format!("{b:02x}")).collect()
}

/// Returns the id of the object that `@N` names.
fn named<'a>(word: &str, ids: &'a [Id]) -> Option<&'a Id> {
    ids.get(word.strip_prefix('@')?.parse::<usize>().ok()?)
}

/// Returns a commit or tag with the ids that its words name.
fn with_ids(text: &[u8], ids: &[Id]) -> Vec<u8> {
    let word = |word: &[u8]| {
        let id = std::str::from_utf8(word).ok().and_then(|word| named(word, ids));
        id.map_or_else(|| word.to_vec(), |id| hex(id).into_bytes())
    };
    let line = |line: &[u8]| line.split(|b| *b == b' ').map(word).collect::<Vec<_>>().join(&b' ');
    text.split(|b| *b == b'\n').map(line).collect::<Vec<_>>().join(&b'\n')
}

fn tree(text: &[u8], ids: &[Id]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split(|b| *b == b'\n') {
        let mut parts = line.splitn(3, |b| *b == b' ');
        let (Some(mode), Some(id), Some(name)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let Some(id) = std::str::from_utf8(id).ok().and_then(|id| named(id, ids)) else { continue };
        out.extend_from_slice(&[mode, b" ", name, b"\0", id].concat());
    }
    out
}

/// Appends an object as it stands in a pack.
fn pack(kind: u8, content: &[u8], out: &mut Vec<u8>) {
    let mut size = content.len() >> 4;
    out.push(kind << 4 | (content.len() & 15) as u8 | if size > 0 { 0x80 } else { 0 });
    while size > 0 {
        out.push((size & 0x7f) as u8 | if size > 0x7f { 0x80 } else { 0 });
        size >>= 7;
    }
    let mut packer = flate2::write::ZlibEncoder::new(out, flate2::Compression::fast());
    packer.write_all(content).expect("in memory");
    packer.finish().expect("in memory");
}

/// Makes a bundle of the sections of an input.
fn bundle(data: &[u8]) -> Vec<u8> {
    if data.starts_with(b"# v") {
        return data.to_vec();
    }
    let mut sections: Vec<(&[u8], &[u8])> = Vec::new();
    let starts: Vec<usize> =
        (0..data.len()).filter(|at| data[*at] == b'#' && (*at == 0 || data[at - 1] == b'\n')).collect();
    for (n, start) in starts.iter().enumerate().take(64) {
        let end = starts.get(n + 1).copied().unwrap_or(data.len());
        sections.push(drift_fuzz::split_line(&data[start + 1..end]));
    }
    let (mut ids, mut objects) = (Vec::new(), Vec::new());
    for (kind, text) in sections {
        let (number, name, content) = match kind {
            b"commit" => (1, "commit", with_ids(text, &ids)),
            b"tree" => (2, "tree", tree(text, &ids)),
            b"raw" => (2, "tree", text.to_vec()),
            b"tag" => (4, "tag", with_ids(text, &ids)),
            _ => (3, "blob", text.to_vec()),
        };
        ids.push(sha1(&[format!("{name} {}\0", content.len()).as_bytes(), &content].concat()));
        pack(number, &content, &mut objects);
    }
    let head = ids.last().map(|id| format!("{} refs/heads/main\n", hex(id))).unwrap_or_default();
    let count = (ids.len() as u32).to_be_bytes();
    let mut packed = [b"PACK\0\0\0\x02".as_slice(), &count, &objects].concat();
    packed.extend_from_slice(&sha1(&packed));
    [format!("# v2 git bundle\n{head}\n").as_bytes(), &packed].concat()
}

/// Writes what all readers make of a repository.
fn read(repo: &GitRepo) -> String {
    let mut out = format!("{:?}", repo.references_with_prefix("refs/"));
    let Ok(commit) = repo.resolve("refs/heads/main") else { return out };
    let history = repo.history("", commit.id, HistoryOptions { limit: 20, ..HistoryOptions::default() });
    if let Ok(history) = &history {
        assert!(history.commits.len() <= 20);
    }
    out += &format!("{commit:?}{history:?}{:?}", repo.changed_files(None, &commit, None));
    let files = repo.every_file(&commit);
    out += &format!("{files:?}");
    for file in files.iter().flat_map(|listing| &listing.files).take(8) {
        let parts = || file.path.split('/');
        assert!(parts().all(|p| !["", ".", ".."].contains(&p)) && !file.path.contains('\0'), "{file:?}");
        let content = repo.read(file);
        assert!(
            content.as_ref().is_ok_and(|bytes| bytes.len() as u64 == file.bytes),
            "{file:?}: {content:?}"
        );
        out += &format!("{:?}", repo.blame_lines(commit.id, &file.path));
    }
    out
}

fuzz_target!(|data: &[u8]| {
    std::fs::write(&*BUNDLE, bundle(data)).expect("a file in memory");
    let spec = GitSpec { location: GitLocation::Local(BUNDLE.clone()), revision: None, subdir: None };
    let limits = GitLimits {
        file_bytes: 1 << 20,
        total_bytes: 4 << 20,
        entries: 1000,
        commits: 100,
        ..GitLimits::default()
    };
    let options = GitOptions { limits, ..GitOptions::default() };
    let Ok(repo) = GitRepo::open(&spec, &options) else { return };
    assert_eq!(read(&repo), read(&repo));
});
