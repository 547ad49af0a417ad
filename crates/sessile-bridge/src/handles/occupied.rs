//! The names that a tool's input schema uses already.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::tool::X_MCP_HEADER;

/// The names that the input schema of a tool uses, and whether it can take one more.
#[derive(Debug, Default)]
pub(super) struct Occupied {
    pub(super) takes_property: bool,
    properties: HashSet<String>,
    /// In lower case.
    headers: HashSet<String>,
}

impl Occupied {
    /// Adds the names of a schema.
    ///
    /// An argument may be described at the root, or by a schema that the root applies (`allOf`, `$ref` into `$defs`
    /// and the like), or only be required. To tell which of those apply would need a validator; all of their names
    /// count instead. The properties of the root's properties do not: they name other things.
    pub(super) fn add(&mut self, schema: &str) {
        let Ok(Value::Object(mut root)) = serde_json::from_str(schema) else { return };
        self.add_headers(&root);
        match root.shift_remove("properties") {
            None => self.takes_property = true,
            Some(Value::Object(own)) => {
                self.takes_property = true;
                self.properties.extend(own.into_iter().map(|(name, _)| name));
            }
            Some(_) => {}
        }
        self.add_names(&root);
    }

    pub(super) fn has_property(&self, name: &str) -> bool {
        self.properties.contains(name)
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.contains(&name.to_ascii_lowercase())
    }

    fn add_names(&mut self, schema: &Map<String, Value>) {
        for (keyword, value) in schema {
            match (keyword.as_str(), value) {
                ("required", Value::Array(names)) => self.add_strings(names),
                (
                    "properties" | "dependentSchemas" | "dependentRequired" | "dependencies",
                    Value::Object(by_property),
                ) => {
                    for (property, value) in by_property {
                        self.properties.insert(property.clone());
                        if let Value::Array(names) = value {
                            self.add_strings(names);
                        }
                        self.add_names_within(value);
                    }
                }
                _ => self.add_names_within(value),
            }
        }
    }

    fn add_names_within(&mut self, value: &Value) {
        match value {
            Value::Object(schema) => self.add_names(schema),
            Value::Array(values) => values.iter().for_each(|value| self.add_names_within(value)),
            _ => {}
        }
    }

    fn add_strings(&mut self, names: &[Value]) {
        self.properties.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
    }

    /// Wherever the annotation stands: one in a wrong place is not ours to judge, and must not become a double.
    fn add_headers(&mut self, schema: &Map<String, Value>) {
        for (keyword, value) in schema {
            match value {
                Value::String(header) if keyword == X_MCP_HEADER => {
                    self.headers.insert(header.to_ascii_lowercase());
                }
                _ => self.add_headers_within(value),
            }
        }
    }

    fn add_headers_within(&mut self, value: &Value) {
        match value {
            Value::Object(schema) => self.add_headers(schema),
            Value::Array(values) => values.iter().for_each(|value| self.add_headers_within(value)),
            _ => {}
        }
    }
}
