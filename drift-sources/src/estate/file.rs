//! Files that are named by a caller; `-` is standard input.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::EstateError;
use crate::special_file::refuse_special;
use crate::tape::{TapeOptions, TapeReader};

/// Longest first line of a tape, and how many lines are tried, to distinguish a tape from a dump.
const FIRST_LINE: usize = 4 << 20;
const TRIED: usize = 3;

/// A file that can be read more than once; `-` is standard input, copied to a temporary file.
#[derive(Clone, Debug)]
pub enum InputFile {
    /// A file by its path.
    Path(PathBuf),
    /// A copy of standard input, removed with the last clone.
    Spooled(Arc<tempfile::NamedTempFile>),
}

impl InputFile {
    /// Takes a path; reads standard input to its end if the path is `-`.
    ///
    /// # Errors
    /// When standard input cannot be copied, or the path is a folder, a device or a named pipe.
    pub fn open(path: &Path) -> Result<Self, EstateError> {
        if path != Path::new("-") {
            // What is not there is said by who reads it, with what it should be.
            return match refuse_special(path) {
                Err(e) if e.kind() == std::io::ErrorKind::InvalidInput => {
                    Err(EstateError::unreadable(format!("`{}`", path.display()), e))
                }
                _ => Ok(Self::Path(path.to_owned())),
            };
        }
        let spool = || {
            let mut file = tempfile::NamedTempFile::new()?;
            std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
            Ok(Self::Spooled(Arc::new(file)))
        };
        spool().map_err(|e: std::io::Error| EstateError::unreadable("standard input", e))
    }

    /// Returns where it can be read.
    pub fn path(&self) -> &Path {
        match self {
            Self::Path(path) => path,
            Self::Spooled(file) => file.path(),
        }
    }

    /// Returns its name for people.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Path(path) => path.to_string_lossy(),
            Self::Spooled(_) => "standard input".into(),
        }
    }

    /// Returns `true` if its first lines are those of a tape; a dump is anything else.
    pub fn is_tape(&self) -> bool {
        let options = TapeOptions { max_line: FIRST_LINE, ..TapeOptions::default() };
        TapeReader::open(self.path(), options).is_ok_and(|reader| reader.take(TRIED).any(|line| line.is_ok()))
    }
}
