//! `x-mcp-header` in the input schema of a tool (2026-07-28, server/tools, "x-mcp-header").

use serde_json::{Map, Value};

use super::{MAX_MIRRORED, MAX_MIRRORED_DEPTH};

const ANNOTATION: &str = "x-mcp-header";

/// Why the annotations of a schema are invalid. Clients then leave the whole tool out of their list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The schema is not a JSON object.
    #[error("the input schema is not a JSON object")]
    NotASchema,
    /// The annotation is not a token (RFC 9110, section 5.6.2).
    #[error("the x-mcp-header of {path:?} is not a name that a header can have")]
    Name {
        /// The property, its names joined by dots.
        path: String,
    },
    /// Two annotations differ in case at most.
    #[error("x-mcp-header {name:?} is there twice")]
    Doubled {
        /// The second of them.
        name: String,
    },
    /// The property is not of type string, integer or boolean.
    #[error("{path:?} has an x-mcp-header, and its type is not string, integer or boolean")]
    Type {
        /// The property, its names joined by dots.
        path: String,
    },
    /// The way from the root leads over something else than `properties`.
    #[error("an x-mcp-header is not on a property that is reached through \"properties\" alone")]
    Unreachable,
    /// There are more than [`MAX_MIRRORED`].
    #[error("more than {MAX_MIRRORED} properties have an x-mcp-header")]
    TooMany,
    /// It lies deeper than [`MAX_MIRRORED_DEPTH`].
    #[error("an x-mcp-header lies deeper than {MAX_MIRRORED_DEPTH} properties")]
    TooDeep,
}

/// One annotated property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Annotation {
    /// The rest of the header's name, as it is annotated.
    pub(super) name: String,
    /// The names that lead to the argument, at least one.
    pub(super) path: Vec<String>,
}

/// Every annotation of a schema.
pub(super) fn of_schema(schema: &str) -> Result<Vec<Annotation>, Invalid> {
    // The parser's own limit on depth bounds the walk.
    let Ok(Value::Object(schema)) = serde_json::from_str(schema) else {
        return Err(Invalid::NotASchema);
    };
    let mut walk = Walk::default();
    walk.schema(&schema, true)?;
    Ok(walk.found)
}

#[derive(Default)]
struct Walk {
    found: Vec<Annotation>,
    path: Vec<String>,
}

impl Walk {
    /// `reachable`: nothing but `properties` lies between here and the root.
    fn schema(&mut self, schema: &Map<String, Value>, reachable: bool) -> Result<(), Invalid> {
        for (keyword, value) in schema {
            match keyword.as_str() {
                ANNOTATION if reachable && !self.path.is_empty() => self.note(value, schema.get("type"))?,
                ANNOTATION => return Err(Invalid::Unreachable),
                "properties" => self.map(value, reachable)?,
                "$defs" | "definitions" | "dependentSchemas" | "patternProperties" => self.map(value, false)?,
                // Data, not schemas.
                "const" | "default" | "enum" | "examples" => {}
                _ => self.any(value)?,
            }
        }
        Ok(())
    }

    /// A map from names to schemas.
    fn map(&mut self, value: &Value, reachable: bool) -> Result<(), Invalid> {
        for (name, schema) in value.as_object().into_iter().flatten() {
            let Value::Object(schema) = schema else { continue };
            self.path.push(name.clone());
            self.schema(schema, reachable)?;
            self.path.pop();
        }
        Ok(())
    }

    /// A schema, or schemas, below any other keyword.
    fn any(&mut self, value: &Value) -> Result<(), Invalid> {
        match value {
            Value::Object(schema) => self.schema(schema, false),
            Value::Array(values) => values.iter().try_for_each(|value| self.any(value)),
            _ => Ok(()),
        }
    }

    fn note(&mut self, name: &Value, kind: Option<&Value>) -> Result<(), Invalid> {
        let path = || self.path.join(".");
        if self.path.len() > MAX_MIRRORED_DEPTH {
            return Err(Invalid::TooDeep);
        }
        let Some(name) = name.as_str().filter(|name| is_token(name)) else {
            return Err(Invalid::Name { path: path() });
        };
        if !matches!(kind.and_then(Value::as_str), Some("string" | "integer" | "boolean")) {
            return Err(Invalid::Type { path: path() });
        }
        if self.found.iter().any(|known| known.name.eq_ignore_ascii_case(name)) {
            return Err(Invalid::Doubled { name: name.to_owned() });
        }
        if self.found.len() == MAX_MIRRORED {
            return Err(Invalid::TooMany);
        }
        self.found.push(Annotation { name: name.to_owned(), path: self.path.clone() });
        Ok(())
    }
}

/// `1*tchar` (RFC 9110, section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}
