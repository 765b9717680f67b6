//! The published JSON Schemas of the documents.

macro_rules! schemas {
    ($($kind:literal $name:ident $file:literal)*) => {
        $(
            #[doc = concat!("The JSON Schema of documents of kind `", $kind, "`.")]
            pub const $name: &str = include_str!(concat!("../../schemas/", $file, ".v1.schema.json"));
        )*

        /// Kind and JSON Schema (draft 2020-12) of every document of `drift/v1`, sorted by kind.
        ///
        /// ```
        /// use drift_sinks::report::SCHEMAS;
        ///
        /// let schema = SCHEMAS.iter().find(|(kind, _)| *kind == "DriftReport");
        /// assert!(schema.is_some_and(|(_, text)| text.contains("urn:drift:schema:drift-report:v1")));
        /// ```
        pub const SCHEMAS: &[(&str, &str)] = &[$(($kind, $name)),*];
    };
}

schemas! {
    "AppsReport" APPS_REPORT_SCHEMA "apps-report"
    "BlameReport" BLAME_REPORT_SCHEMA "blame-report"
    "CauseReport" CAUSE_REPORT_SCHEMA "cause-report"
    "CheckReport" CHECK_REPORT_SCHEMA "check-report"
    "DependencyGraph" DEPENDENCY_GRAPH_SCHEMA "dependency-graph"
    "DriftReport" DRIFT_REPORT_SCHEMA "drift-report"
    "FightReport" FIGHT_REPORT_SCHEMA "fight-report"
    "Finding" FINDING_SCHEMA "finding"
    "HealthReport" HEALTH_REPORT_SCHEMA "health-report"
    "History" HISTORY_SCHEMA "history"
    "ImpactReport" IMPACT_REPORT_SCHEMA "impact-report"
    "IncidentReport" INCIDENT_REPORT_SCHEMA "incident-report"
    "RulesReport" RULES_REPORT_SCHEMA "rules-report"
    "StoreReport" STORE_REPORT_SCHEMA "store-report"
    "Timeline" TIMELINE_SCHEMA "timeline"
}
