//! Bundle files: a list of references followed by a pack, as `git bundle create` writes them.
//!
//! Read here without the `git` program: the pack is indexed into an empty repository in a scratch folder.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use gix::ObjectId;
use gix::odb::pack;

use super::GitError;
use super::open::{GitLimits, isolated_options};

const V2: &[u8] = b"# v2 git bundle\n";
const V3: &[u8] = b"# v3 git bundle\n";
/// Longest line of a header, and most lines: a header is held in memory.
const LONGEST_LINE: u64 = 16 * 1024;
const MOST_LINES: usize = 1_000_000;

/// Whether the file begins as a bundle does.
pub(super) fn is_bundle(path: &Path) -> bool {
    // A named pipe would wait for a writer.
    if !path.is_file() {
        return false;
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|f| f.take(V2.len() as u64).read_to_end(&mut start));
    read.is_ok() && (start == V2 || start == V3)
}

#[derive(Debug, PartialEq)]
struct Header {
    references: BTreeMap<String, ObjectId>,
}

/// Makes the bundle at `path` a bare repository in the empty folder `into`.
pub(super) fn import_bundle(
    path: &Path,
    into: &Path,
    limits: &GitLimits,
) -> Result<gix::Repository, GitError> {
    let corrupt = |e: Box<dyn std::error::Error + Send + Sync>| {
        GitError::corrupt(format!("bundle {}", path.display()), e)
    };
    let file = File::open(path).map_err(|e| corrupt(e.into()))?;
    let mut reader = BufReader::with_capacity(64 * 1024, file);
    let header = read_header(&mut reader).map_err(|e| match e {
        HeaderError::Unsupported(what) => GitError::unsupported(format!("bundle {} {what}", path.display())),
        HeaderError::Malformed(line, why) => corrupt(format!("header line {line}: {why}").into()),
        HeaderError::Io(e) => corrupt(e.into()),
    })?;
    let repo = gix::ThreadSafeRepository::init_opts(
        into,
        gix::create::Kind::Bare,
        Default::default(),
        isolated_options(limits),
    )
    .map_err(|e| corrupt(e.into()))?
    .to_thread_local();
    index_pack(&mut reader, &repo, limits).map_err(|e| corrupt(e.into()))?;
    for (name, id) in &header.references {
        if !repo.has_object(id) {
            return Err(corrupt(
                format!("reference `{name}` points to {id}, which the pack does not hold").into(),
            ));
        }
    }
    write_references(&repo, &header).map_err(|e| corrupt(e.into()))?;
    gix::open_opts(into, isolated_options(limits)).map_err(|e| corrupt(e.into()))
}

fn index_pack(
    reader: &mut dyn BufRead,
    repo: &gix::Repository,
    limits: &GitLimits,
) -> Result<(), gix::Error> {
    let options = pack::bundle::write::Options {
        alloc_limit_bytes: Some(limits.object_bytes_in_memory()),
        ..Default::default()
    };
    pack::Bundle::write_to_directory(
        reader,
        Some(&repo.objects.store_ref().path().join("pack")),
        &mut gix::progress::Discard,
        &AtomicBool::new(false),
        None::<gix::objs::find::Never>,
        gix::hash::Kind::Sha1,
        options,
    )?;
    Ok(())
}

#[derive(Debug)]
enum HeaderError {
    Unsupported(&'static str),
    Malformed(usize, &'static str),
    Io(std::io::Error),
}

fn read_header(reader: &mut impl BufRead) -> Result<Header, HeaderError> {
    let mut references = BTreeMap::new();
    for number in 1..=MOST_LINES {
        let mut line = Vec::new();
        reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(HeaderError::Io)?;
        if number == 1 {
            if line != V2 && line != V3 {
                return Err(HeaderError::Malformed(1, "neither `# v2 git bundle` nor `# v3 git bundle`"));
            }
            continue;
        }
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(HeaderError::Malformed(number, "it is cut off or too long"));
        };
        let malformed = |why| HeaderError::Malformed(number, why);
        let text = std::str::from_utf8(line).map_err(|_| malformed("it is not UTF-8"))?;
        match text.as_bytes().first() {
            None => return Ok(Header { references }),
            Some(b'@') => check_capability(text)?,
            Some(b'-') => {
                return Err(HeaderError::Unsupported(
                    "needs commits that it does not hold; make it with `git bundle create FILE --all`",
                ));
            }
            Some(_) => {
                let (id, name) = parse_reference(text).map_err(malformed)?;
                // `--all` also lists the HEADs of linked work trees, which nobody can ask for here.
                if !name.starts_with("worktrees/") {
                    references.insert(name.to_owned(), id);
                }
            }
        }
    }
    Err(HeaderError::Malformed(MOST_LINES, "too many references"))
}

fn check_capability(line: &str) -> Result<(), HeaderError> {
    match line {
        "@object-format=sha1" => Ok(()),
        _ if line.starts_with("@object-format=") => {
            Err(HeaderError::Unsupported("uses another hash than SHA-1"))
        }
        _ if line.starts_with("@filter=") => Err(HeaderError::Unsupported("is filtered: it lacks objects")),
        _ => Err(HeaderError::Unsupported("needs a capability that is not known here")),
    }
}

fn parse_reference(line: &str) -> Result<(ObjectId, &str), &'static str> {
    let (id, name) = line.split_once(' ').ok_or("it is not `ID NAME`")?;
    let id = ObjectId::from_hex(id.as_bytes()).map_err(|_| "it does not begin with an object id")?;
    let known = ["refs/", "worktrees/"].iter().any(|start| name.starts_with(start));
    let valid = name == "HEAD" || (known && gix::validate::reference::name(name.into()).is_ok());
    if valid { Ok((id, name)) } else { Err("the name of the reference is not allowed") }
}

/// Names were validated, so the two files cannot hold more lines than there are references.
fn write_references(repo: &gix::Repository, header: &Header) -> std::io::Result<()> {
    let mut packed = String::from("# pack-refs with: sorted \n");
    for (name, id) in header.references.iter().filter(|(name, _)| *name != "HEAD") {
        packed.push_str(&format!("{id} {name}\n"));
    }
    std::fs::write(repo.git_dir().join("packed-refs"), packed)?;
    std::fs::write(repo.git_dir().join("HEAD"), head_line(header))
}

/// A bundle tells HEAD's commit but not its branch: the likeliest of those that point to the same commit.
fn head_line(header: &Header) -> String {
    let likely = ["refs/heads/main", "refs/heads/master"];
    let id = header.references.get("HEAD");
    let fits = |name: &str| header.references.get(name).is_some_and(|own| id.is_none_or(|id| id == own));
    let mut branches =
        header.references.keys().map(String::as_str).filter(|name| name.starts_with("refs/heads/"));
    let branch = likely.into_iter().find(|name| fits(name)).or_else(|| branches.find(|name| fits(name)));
    match (branch, id) {
        (Some(branch), _) => format!("ref: {branch}\n"),
        (None, Some(id)) => format!("{id}\n"),
        (None, None) => "ref: refs/heads/main\n".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "1111111111111111111111111111111111111111";
    const B: &str = "2222222222222222222222222222222222222222";

    #[track_caller]
    fn check(header: &str, expect: &str) {
        let got = match read_header(&mut header.as_bytes()) {
            Ok(header) => format!("{} refs, {}", header.references.len(), head_line(&header).trim_end()),
            Err(e) => format!("{e:?}"),
        };
        assert_eq!(got, expect, "for {header:?}");
    }

    #[test]
    fn header_is_read_and_head_finds_its_branch() {
        check(&format!("# v2 git bundle\n{A} refs/heads/x\n{A} HEAD\n\nPACK"), "2 refs, ref: refs/heads/x");
        check(
            &format!("# v2 git bundle\n{A} refs/heads/a\n{A} refs/heads/main\n{A} HEAD\n\n"),
            "3 refs, ref: refs/heads/main",
        );
        check(&format!("# v2 git bundle\n{A} refs/heads/main\n{B} HEAD\n\n"), &format!("2 refs, {B}"));
        check(
            &format!("# v3 git bundle\n@object-format=sha1\n{A} refs/tags/v1\n\n"),
            "1 refs, ref: refs/heads/main",
        );
    }

    #[test]
    fn hostile_headers_are_refused() {
        check("# v1 git bundle\n", "Malformed(1, \"neither `# v2 git bundle` nor `# v3 git bundle`\")");
        check("", "Malformed(1, \"neither `# v2 git bundle` nor `# v3 git bundle`\")");
        check(
            "# v2 git bundle\nxx refs/heads/a\n\n",
            "Malformed(2, \"it does not begin with an object id\")",
        );
        check(
            &format!("# v2 git bundle\n{A} refs/../../x\n\n"),
            "Malformed(2, \"the name of the reference is not allowed\")",
        );
        check(
            &format!("# v2 git bundle\n{A} config\n\n"),
            "Malformed(2, \"the name of the reference is not allowed\")",
        );
        check(&format!("# v2 git bundle\n{A} refs/heads/a"), "Malformed(2, \"it is cut off or too long\")");
        check("# v3 git bundle\n@object-format=sha256\n\n", "Unsupported(\"uses another hash than SHA-1\")");
        check("# v3 git bundle\n@filter=blob:none\n\n", "Unsupported(\"is filtered: it lacks objects\")");
    }
}
