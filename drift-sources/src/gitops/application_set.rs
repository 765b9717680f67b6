//! Applications that ApplicationSets declare.

mod go_functions;
mod go_template;
mod go_values;
mod parameters;
mod templates;
