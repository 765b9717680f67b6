//! Git repositories that are named as `URL=PLACE`.

use std::path::Path;

use super::EstateError;
use crate::git::{GitOptions, GitRepo, GitSpec};
use crate::gitops::Repositories;

/// Splits `URL=PLACE`; without a URL the place is used for any.
fn split_place(text: &str) -> (&str, &str) {
    match text.rsplit_once('=') {
        Some((url, place)) if url.contains(['/', ':', '@']) && !Path::new(text).exists() => (url, place),
        _ => ("", text),
    }
}

/// Opens one repository, and returns the URL that engines know it by, or an empty text.
pub(super) fn open_repository(text: &str) -> Result<(&str, GitRepo), EstateError> {
    let (url, place) = split_place(text);
    let failed = |e| EstateError::unreadable(format!("the repository `{place}`"), e);
    let spec = GitSpec::parse(place).map_err(failed)?;
    Ok((url, GitRepo::open(&spec, &GitOptions::default()).map_err(failed)?))
}

/// Opens repositories, each named as `URL=PLACE`: the URL that engines know it by, and the folder, bundle or URL to read.
///
/// # Errors
/// Names the first one that cannot be opened.
pub fn open_repositories(places: &[String]) -> Result<Repositories, EstateError> {
    let mut repositories = Repositories::default();
    for text in places {
        let (url, repository) = open_repository(text)?;
        repositories.add(url, repository);
    }
    Ok(repositories)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_may_have_the_url_of_its_repository_before_it() {
        for (text, url, place) in [
            (
                "https://git.example.com/shop.git=shop.bundle",
                "https://git.example.com/shop.git",
                "shop.bundle",
            ),
            ("git@git.example.com:shop.git=./shop", "git@git.example.com:shop.git", "./shop"),
            ("shop.bundle", "", "shop.bundle"),
            ("a=b", "", "a=b"),
        ] {
            assert_eq!(split_place(text), (url, place));
        }
    }
}
