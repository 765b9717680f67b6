//! `drift demo`: the main job on recorded data that comes with the program.
//!
//! It runs the very commands that it shows, on files it puts into a folder first.

use std::path::Path;

use clap::Parser;
use drift_sources::scratch::ScratchFolder;

use crate::args::{Cli, DemoArgs};
use crate::failure::Failure;
use crate::output::{self, Outcome, Screen};

/// The demo's files, by their names in its folder.
const FILES: &[(&str, &[u8])] = &[
    ("manifests/cart.yaml", include_bytes!("../../../data/demo/manifests/cart.yaml")),
    ("manifests/config.yaml", include_bytes!("../../../data/demo/manifests/config.yaml")),
    ("manifests/namespace.yaml", include_bytes!("../../../data/demo/manifests/namespace.yaml")),
    ("manifests/web.yaml", include_bytes!("../../../data/demo/manifests/web.yaml")),
    ("shop.tape.gz", include_bytes!("../../../data/demo/shop.tape.jsonl.gz")),
];

const INTRO: &str = "\
A web shop was deployed to a real cluster from the folder `manifests`, and the cluster recorded for two and a half
minutes while people worked on it. What you see now are ordinary commands on that recording.
";

/// What is shown: a sentence, and the command; `DEMO` stands for the folder.
const STEPS: &[(&str, &str)] = &[
    (
        "Play the recording into a store, and say what drifted by its end",
        "watch --store DEMO/store --tape DEMO/shop.tape.gz --desired DEMO/manifests",
    ),
    ("What drifted, who did it, and when?", "diff --desired DEMO/manifests --store DEMO/store"),
    (
        "What happened after the deployment?",
        "timeline --store DEMO/store -n shop --since 2026-11-21T10:48:50Z --kind deploy,cm,secret,svc,job",
    ),
    (
        "One resource, version by version",
        "history deploy/web -n shop --store DEMO/store --since 2026-11-21T10:48:30Z",
    ),
    (
        "And how was it before anybody touched it?",
        "diff --desired DEMO/manifests --store DEMO/store --at 2026-11-21T10:48:50Z",
    ),
    ("Is the history what was written, and all of it?", "verify --store DEMO/store"),
];

/// Runs the command.
pub(crate) async fn run(args: &DemoArgs, screen: Screen) -> Result<Outcome, Failure> {
    let failed = |e: std::io::Error| Failure::new("cannot write the demo's files").because(&e);
    let temporary = ScratchFolder::new("drift-demo-").map_err(failed)?;
    let folder = args.keep.as_deref().unwrap_or(temporary.path());
    put(folder).map_err(failed)?;
    // The name that is shown: a temporary folder is gone when somebody would type it.
    let shown = args.keep.as_ref().map_or_else(|| "demo".to_owned(), |d| d.display().to_string());
    let styler = screen.styler();
    output::print(&format!("{INTRO}\n"))?;
    for (number, (sentence, command)) in (1..).zip(STEPS) {
        let line = format!("$ drift {}", command.replace("DEMO", &shown));
        output::print(&format!(
            "{}\n{}\n\n",
            styler.heading(&format!("{number}. {sentence}")),
            styler.dim(&line)
        ))?;
        step(command, folder, screen).await?;
        output::print("\n")?;
    }
    output::print(&closing(args, &shown))?;
    Ok(Outcome::Nothing)
}

fn put(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder.join("manifests"))?;
    FILES.iter().try_for_each(|(name, bytes)| std::fs::write(folder.join(name), bytes))
}

async fn step(command: &str, folder: &Path, screen: Screen) -> Result<(), Failure> {
    let path = |word: &str| match word.strip_prefix("DEMO/") {
        Some(name) => folder.join(name).into_os_string(),
        None => word.into(),
    };
    let words = std::iter::once("drift".into()).chain(command.split_whitespace().map(path));
    let cli =
        Cli::try_parse_from(words).map_err(|e| Failure::new("the demo's command is wrong").because(&e))?;
    crate::dispatch(&cli.command, screen).await.map(|_| ())
}

fn closing(args: &DemoArgs, shown: &str) -> String {
    let keep = if args.keep.is_some() {
        format!("The files are in `{shown}`; ")
    } else {
        "`drift demo --keep demo` leaves the files in `demo`; ".to_owned()
    };
    format!(
        "{keep}then try:\n\
         \x20 drift diff --desired {shown}/manifests --store {shown}/store --explain --show-managed\n\
         \x20 drift diff --desired {shown}/manifests --live {shown}/shop.tape.gz -o markdown\n\
         \x20 drift history cm/web-config -n shop --store {shown}/store --side-by-side\n\
         \x20 drift show deploy/web -n shop --store {shown}/store --at 2026-11-21T10:48:50Z\n\n\
         And on a cluster of your own (it is only read):\n\
         \x20 drift diff --desired k8s/ -n NAMESPACE\n\
         \x20 drift watch --store history --desired k8s/\n"
    )
}
