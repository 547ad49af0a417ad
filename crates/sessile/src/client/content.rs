//! The content of a tool's result, as text for a person.

use crate::client::error::ClientError;
use crate::client::escape::{escaped, one_line};
use crate::client::save::SaveDir;
use crate::client::size;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// Renders each block of `content` in turn: text plainly, everything else described, and saved where that is asked.
pub(crate) fn blocks(content: &[Value], mut save: Option<&mut SaveDir>) -> Result<Vec<String>, ClientError> {
    content.iter().map(|block| one_block(block, save.as_deref_mut())).collect()
}

fn one_block(block: &Value, save: Option<&mut SaveDir>) -> Result<String, ClientError> {
    let field = |name: &str| block.get(name).and_then(Value::as_str);
    match field("type") {
        Some("text") => Ok(escaped(field("text").unwrap_or(""))),
        Some(kind @ ("image" | "audio")) => media(kind, field("mimeType"), field("data").unwrap_or(""), save),
        Some("resource") => resource(block.get("resource").unwrap_or(&Value::Null), save),
        Some("resource_link") => Ok(link(block)),
        // A kind of content that came after this client.
        _ => Ok(one_line(&block.to_string())),
    }
}

fn media(kind: &str, mime: Option<&str>, data: &str, save: Option<&mut SaveDir>) -> Result<String, ClientError> {
    let Ok(bytes) = STANDARD.decode(data) else {
        return Ok(format!("[{kind}{}, not valid base64]", suffix(mime)));
    };
    let saved = stored(mime, &bytes, save)?;
    Ok(format!("[{kind}{}, {}{saved}]", suffix(mime), size::bytes(bytes.len() as u64)))
}

fn resource(resource: &Value, save: Option<&mut SaveDir>) -> Result<String, ClientError> {
    let field = |name: &str| resource.get(name).and_then(Value::as_str);
    let (uri, mime) = (one_line(field("uri").unwrap_or("")), field("mimeType"));
    if let Some(blob) = field("blob") {
        return media(&format!("resource {uri}"), mime, blob, save);
    }
    let text = field("text").unwrap_or("");
    let saved = stored(mime, text.as_bytes(), save)?;
    Ok(format!("[resource {uri}{}{saved}]\n{}", suffix(mime), escaped(text)))
}

fn link(link: &Value) -> String {
    let field = |name: &str| link.get(name).and_then(Value::as_str).map(one_line);
    let uri = field("uri").unwrap_or_default();
    let name = field("title").or_else(|| field("name")).map_or_else(String::new, |name| format!(" {name}"));
    let about = field("description").map_or_else(String::new, |about| format!(": {about}"));
    format!("[link {uri}{name}{about}]")
}

fn suffix(mime: Option<&str>) -> String {
    mime.map_or_else(String::new, |mime| format!(" {}", one_line(mime)))
}

fn stored(mime: Option<&str>, bytes: &[u8], save: Option<&mut SaveDir>) -> Result<String, ClientError> {
    match save {
        None => Ok(String::new()),
        Some(save) => Ok(format!(", saved as {}", save.add(mime, bytes)?.display())),
    }
}

#[cfg(test)]
mod tests;
