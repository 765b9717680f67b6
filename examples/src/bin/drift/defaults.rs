//! Defaults of options, from `DRIFT_STORE` and a configuration file.

use std::path::{Path, PathBuf};

use clap::Command;
use drift_core::{Kind, Node};
use drift_sources::yaml;

use crate::failure::Failure;

/// Environment variable with the default of `--store`.
const STORE: &str = "DRIFT_STORE";
/// Environment variable with the configuration file; empty for none.
const FILE: &str = "DRIFT_CONFIG";
/// Name of the file that is looked for in the current folder and those above it.
const NAME: &str = ".drift.yaml";
/// Largest configuration file.
const MAX_FILE: u64 = 1 << 20;
/// Commands that look at the cluster unless `--store` is given, and the one that must not be run by mistake.
const WITHOUT_STORE: &[&str] = &["diff", "health", "apps", "rules", "repair"];
/// Commands that would record less than all.
const WITHOUT_NAMESPACE: &[&str] = &["watch", "record"];

/// Defaults of options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Defaults {
    store: Option<PathBuf>,
    namespace: Option<String>,
    audit: Option<PathBuf>,
    git: Vec<String>,
}

impl Defaults {
    /// Reads the environment, and the nearest configuration file.
    pub(crate) fn load() -> Result<Self, Failure> {
        let mut defaults = match file() {
            Some(path) => Self::read(&path)?,
            None => Self::default(),
        };
        if let Some(store) = std::env::var_os(STORE).filter(|s| !s.is_empty()) {
            defaults.store = Some(store.into());
        }
        Ok(defaults)
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let cannot = || Failure::new(format!("cannot read the configuration `{name}`"));
        let is_large = std::fs::metadata(path).is_ok_and(|m| m.len() > MAX_FILE);
        if is_large {
            return Err(cannot().cause(format!("larger than {MAX_FILE} bytes")));
        }
        let bytes = std::fs::read(path).map_err(|e| cannot().because(&e))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut defaults = Self::default();
        for document in yaml::read(&bytes) {
            let document = document.map_err(|e| cannot().because(&e))?;
            defaults.take(document.doc.root(), folder).map_err(|why| {
                cannot()
                    .cause(why)
                    .hint("it may hold `store`, `namespace`, `audit` and `git`, see docs/commands.md")
            })?;
        }
        Ok(defaults)
    }

    fn take(&mut self, root: Node<'_>, folder: &Path) -> Result<(), String> {
        if root.kind() != Kind::Map {
            return Err("a map is expected".to_owned());
        }
        for field in root.children() {
            let text = || field.as_str().ok_or_else(|| format!("`{}` is not a text", field.key()));
            match field.key() {
                "store" => self.store = Some(folder.join(text()?)),
                "audit" => self.audit = Some(folder.join(text()?)),
                "namespace" => self.namespace = Some(text()?.to_owned()),
                "git" if field.kind() == Kind::List => {
                    let places: Option<Vec<_>> =
                        field.children().map(|n| n.as_str().map(str::to_owned)).collect();
                    self.git = places.ok_or("`git` holds something that is not a text")?;
                }
                "git" => self.git = vec![text()?.to_owned()],
                other => return Err(format!("there is no setting `{other}`")),
            }
        }
        Ok(())
    }

    /// Sets the defaults of a command line; help shows them.
    pub(crate) fn apply(&self, command: Command) -> Command {
        let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
        names.into_iter().fold(command, |command, name| {
            let mut defaults = self.clone();
            defaults.store.take_if(|_| WITHOUT_STORE.contains(&&*name));
            defaults.namespace.take_if(|_| WITHOUT_NAMESPACE.contains(&&*name));
            command.mut_subcommand(&name, |sub| defaults.apply_to(sub))
        })
    }

    fn apply_to(self, command: Command) -> Command {
        let of_path =
            |path: Option<&Path>| path.map(|p| p.display().to_string()).into_iter().collect::<Vec<_>>();
        let all = [
            ("store", of_path(self.store.as_deref())),
            ("audit", of_path(self.audit.as_deref())),
            ("namespace", self.namespace.iter().cloned().collect()),
            ("git", self.git.clone()),
        ];
        all.into_iter().filter(|(_, values)| !values.is_empty()).fold(command, |command, (id, values)| {
            let is_there = command.get_arguments().any(|a| a.get_id() == id);
            if is_there { command.mut_arg(id, |a| a.required(false).default_values(values)) } else { command }
        })
    }
}

/// Finds the configuration file: that of `DRIFT_CONFIG`, else the nearest above the current folder, else the user's.
fn file() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(FILE) {
        return Some(PathBuf::from(named)).filter(|p| !p.as_os_str().is_empty());
    }
    let here = std::env::current_dir().ok();
    let mut nearest = here.iter().flat_map(|folder| folder.ancestors()).map(|folder| folder.join(NAME));
    let of_user = || {
        let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"));
        let folder =
            std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute()).or_else(home);
        folder.map(|f| f.join("drift/config.yaml"))
    };
    nearest.find(|path| path.is_file()).or_else(|| of_user().filter(|path| path.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<Defaults, &str>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        std::fs::write(&path, text).unwrap();
        let relative = |d: Defaults| {
            let strip = |p: PathBuf| p.strip_prefix(dir.path()).map_or(p.clone(), Path::to_owned);
            Defaults { store: d.store.map(strip), audit: d.audit.map(strip), ..d }
        };
        match (Defaults::read(&path).map(relative), expect) {
            (Err(failure), Err(text)) => assert!(failure.to_string().contains(text), "{failure}"),
            (read, expect) => assert_eq!(read.map_err(|e| e.to_string()), expect.map_err(str::to_owned)),
        }
    }

    #[test]
    fn a_configuration_is_read_strictly() {
        let whole = Defaults {
            store: Some("history".into()),
            namespace: Some("shop".into()),
            audit: Some("/var/log/audit.log".into()),
            git: vec!["https://git.example.com/a=../a".to_owned()],
        };
        let text = "store: history\nnamespace: shop\naudit: /var/log/audit.log\ngit: [https://git.example.com/a=../a]\n";
        check(text, Ok(whole));
        check("", Ok(Defaults::default()));
        check("stroe: history\n", Err("there is no setting `stroe`"));
        check("store: 1\n", Err("`store` is not a text"));
        check("- a\n", Err("a map is expected"));
        check("store: [\n", Err("cannot read the configuration"));
    }
}
