//! What is named as a file and is none: reading it could wait for ever, or never end.

use std::fs::Metadata;
use std::io;
use std::path::Path;

/// Refuses a folder, a device, a socket, and a named pipe, which blocks until somebody writes to it. Pipes of a shell (`<(…)`) are
/// open already, and are read.
///
/// # Errors
/// When the path cannot be looked at, or is none of a file.
pub(crate) fn refuse_special(path: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    let Some(what) = special_kind(&metadata).filter(|_| !is_open_already(path)) else { return Ok(()) };
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {what}, not a file; `-` reads standard input"),
    ))
}

fn is_open_already(path: &Path) -> bool {
    ["/dev/fd", "/dev/stdin", "/proc"].iter().any(|folder| path.starts_with(folder))
}

fn special_kind(metadata: &Metadata) -> Option<&'static str> {
    if metadata.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = metadata.file_type();
        if kind.is_fifo() {
            return Some("a named pipe");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
    }
    None
}
