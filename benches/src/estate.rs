//! What is measured on: declared and live objects as JSON text.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use drift_core::drift::DesiredObject;
use drift_core::schema::{SchemaSet, SchemaSetBuilder};
use drift_core::tape::TapeEvent;
use drift_core::{Object, ResourceKey};
use drift_sources::dump::Dump;
use drift_sources::manifests::Manifests;
use drift_sources::tape::{TapeOptions, TapeReader};

use crate::Failure;

/// One recorded cluster with its manifests.
pub(crate) struct Case {
    pub(crate) desired: Vec<DesiredObject>,
    pub(crate) live: Vec<Arc<Object>>,
    /// Declared and live JSON of each declared object that is live.
    pub(crate) pairs: Vec<(String, String)>,
    pub(crate) path: std::path::PathBuf,
}

/// Loads the cases of a corpus (`DIR/cases/*/{desired,live-mutated.json.gz}`), or the demo of this repository.
pub(crate) fn load(corpus: Option<&Path>) -> Result<Vec<Case>, Failure> {
    let Some(corpus) = corpus else {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/data/demo");
        return Ok(vec![case(&demo, &demo.join("manifests"), tape(&demo.join("shop.tape.jsonl.gz"))?)?]);
    };
    let mut folders: Vec<_> = std::fs::read_dir(corpus.join("cases"))?.collect::<Result<Vec<_>, _>>()?;
    folders.sort_by_key(std::fs::DirEntry::path);
    let one =
        |path: &Path| case(path, &path.join("desired"), Dump::read(&path.join("live-mutated.json.gz"))?);
    folders.iter().map(|f| one(&f.path())).collect()
}

fn tape(path: &Path) -> Result<Vec<Object>, Failure> {
    let mut live: BTreeMap<ResourceKey, Object> = BTreeMap::new();
    for line in TapeReader::open(path, TapeOptions::default())? {
        match line.map(|l| l.event) {
            Ok(TapeEvent::Listed(o) | TapeEvent::Added(o) | TapeEvent::Modified(o)) => {
                drop(live.insert(o.key(), o))
            }
            Ok(TapeEvent::Deleted(o)) => drop(live.remove(&o.key())),
            _ => {}
        }
    }
    Ok(live.into_values().collect())
}

fn case(path: &Path, desired: &Path, live: Vec<Object>) -> Result<Case, Failure> {
    let live: Vec<Arc<Object>> = live.into_iter().map(Arc::new).collect();
    let by_name: BTreeMap<_, _> = live.iter().map(|o| ((o.group(), o.kind(), o.name()), o)).collect();
    let desired: Vec<_> = Manifests::read(desired)?
        .declared
        .into_iter()
        .map(|d| DesiredObject { object: Arc::new(d.object), declared: None })
        .collect();
    let pair = |d: &DesiredObject| {
        let o = &d.object;
        let live = by_name.get(&(o.group(), o.kind(), o.name()))?;
        Some((o.doc().to_json(), live.doc().to_json()))
    };
    let pairs = desired.iter().filter_map(pair).collect();
    Ok(Case { desired, live, pairs, path: path.to_owned() })
}

/// Puts the CustomResourceDefinitions of all cases over the built-in kinds.
pub(crate) fn schemas(cases: &[Case]) -> SchemaSet {
    let mut builder = SchemaSetBuilder::default();
    for object in cases.iter().flat_map(|c| &c.live).filter(|o| o.kind() == "CustomResourceDefinition") {
        // A definition that cannot be read leaves its kind without schema, as it does in the program.
        let _ = builder.crd(object);
    }
    SchemaSet::layered(&SchemaSet::bundled(), &builder.build())
}
