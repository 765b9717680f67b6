//! Findings on standard output.

use async_trait::async_trait;
use drift_core::{Finding, Sink, SinkError};
use drift_sinks::report::{FindingV1, render_finding_line, to_json_line};

use crate::args::LineFormat;
use crate::output::{self, Screen};
use crate::progress::Counter;

/// Prints findings to standard output, one a line.
#[derive(Debug)]
pub(crate) struct Printer {
    format: LineFormat,
    screen: Screen,
    counter: Counter,
}

impl Printer {
    /// Makes a printer that does not tear the line of a counter.
    pub(crate) fn new(format: LineFormat, screen: Screen, counter: Counter) -> Self {
        Self { format, screen, counter }
    }
}

#[async_trait]
impl Sink for Printer {
    fn name(&self) -> &str {
        "standard output"
    }

    async fn deliver(&self, findings: &[Finding]) -> Result<(), SinkError> {
        let mut text = String::new();
        for finding in findings {
            match self.format {
                LineFormat::Text => text.push_str(&render_finding_line(finding, self.screen.styler())),
                LineFormat::Json => text.push_str(&to_json_line(&FindingV1::from(finding))),
            }
            text.push('\n');
        }
        self.counter
            .suspend(|| match self.format {
                LineFormat::Text => output::print_text(&text),
                LineFormat::Json => output::print(&text),
            })
            .map_err(|e| SinkError::Refused { what: "printing".to_owned(), message: e.to_string() })
    }
}
