//! The JSON Schema of `sessile.toml`: what `sessile check --schema` prints and what the check uses.

use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::keys::ManifestKeys;

/// The JSON Schema (2020-12) of `sessile.toml`.
///
/// Ranges of sizes and spans of time, for which JSON Schema has no words, are in `x-minimum` and
/// `x-maximum`; the form of other texts is named in `x-value`.
pub fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let schema = settings.for_deserialize().into_generator().into_root_schema_for::<ManifestKeys>();
        let mut schema = schema.to_value();
        without_null(&mut schema);
        schema
    })
}

/// Takes out `null`, which optional fields would take but TOML cannot write.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| !(name == "default" && value.is_null()));
            members.values_mut().for_each(without_null);
        }
        Value::Array(elements) => elements.iter_mut().for_each(without_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
