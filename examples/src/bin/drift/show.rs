//! `drift show`: a resource as it was.

use drift_core::time::format_time;
use drift_core::{Event, EventBody, Object, ResourceKey};
use drift_sinks::report::{ManagedFieldsVisibility, to_json, to_yaml, visible_object};

use crate::args::{ObjectFormat, ShowArgs};
use crate::failure::Failure;
use crate::looked_at::{self, NotePlace};
use crate::output::{self, Outcome};

/// Runs the command.
pub(crate) async fn run(args: &ShowArgs) -> Result<Outcome, Failure> {
    let options = looked_at::recorded(&args.recorded)?.at(args.at.unwrap_or_default());
    let estate = looked_at::in_namespace(options, args.namespace.as_deref()).open().await?;
    let key = estate.find(&args.key).await?;
    let events = estate.events_of(&key).await?;
    let notes = looked_at::report_notes(&estate, NotePlace::StandardError);
    let then: Vec<_> = events.iter().filter(|e| estate.until().includes(e)).collect();
    let object = object_of(&key, &then, &events, args)?;
    let managed_fields = match args.show_managed_fields {
        true => ManagedFieldsVisibility::Shown,
        false => ManagedFieldsVisibility::Hidden,
    };
    let shown = visible_object(&key, object.doc(), managed_fields);
    output::print(&match args.output {
        ObjectFormat::Yaml => to_yaml(&shown),
        ObjectFormat::Json => to_json(&shown),
    })?;
    Ok(Outcome::answered(notes.coverage()))
}

fn object_of<'a>(
    key: &ResourceKey,
    then: &[&'a Event],
    all: &[Event],
    args: &ShowArgs,
) -> Result<&'a Object, Failure> {
    let when = args.at.map_or_else(|| "now".to_owned(), |m| format!("at {m}"));
    let version = then.iter().rev().find(|e| matches!(e.body, EventBody::Applied(_) | EventBody::Deleted(_)));
    match version.map(|e| (&e.body, e)) {
        Some((EventBody::Applied(object), _)) => Ok(object),
        Some((_, deleted)) => Err(Failure::new(format!("`{key}` does not exist {when}")).hint(format!(
            "it was deleted at {}; use --at @{} to see it before that",
            format_time(deleted.at()),
            deleted.position.get().saturating_sub(1)
        ))),
        None => {
            let first = all.first().map_or_else(String::new, |e| {
                format!("it was first seen at {} (@{})", format_time(e.observed_at), e.position)
            });
            Err(Failure::new(format!("`{key}` does not exist {when}")).hint(first))
        }
    }
}
