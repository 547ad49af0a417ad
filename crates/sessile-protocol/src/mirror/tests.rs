//! The cases of SEP-2243 and of the specification, and what holds for every value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// What a client sends for a text.
fn encode(text: &str) -> Vec<u8> {
    let plain = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    if plain { text.into() } else { format!("=?base64?{}?=", STANDARD.encode(text)).into() }
}

fn schema(properties: &Value) -> Result<MirroredHeaders, Invalid> {
    MirroredHeaders::of_schema(&json!({ "type": "object", "properties": properties }).to_string())
}

/// A tool with one mirrored argument of each type, one of them nested.
fn tool() -> MirroredHeaders {
    schema(&json!({
        "region": { "type": "string", "x-mcp-header": "Region" },
        "count": { "type": "integer", "x-mcp-header": "Count" },
        "flag": { "type": "boolean", "x-mcp-header": "Flag" },
        "where": { "type": "object", "properties": { "city": { "type": "string", "x-mcp-header": "City" } } },
        "query": { "type": "string" },
    }))
    .unwrap()
}

fn check(arguments: &Value, sent: &[(&str, &[u8])]) -> Result<(), Reason> {
    tool().check(Some(&arguments.to_string()), sent).map_err(|mismatch| mismatch.reason())
}

#[test]
fn the_examples_of_the_specification_decode() {
    for (header, text) in [
        ("us-west1", "us-west1"),
        ("us west 1", "us west 1"),
        ("", ""),
        ("=?base64??=", ""),
        ("=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"),
        ("=?base64?IHBhZGRlZCA=?=", " padded "),
        ("=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"),
        ("=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="),
        // One marker alone, or in another case, is nothing special.
        ("=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
        ("SGVsbG8=?=", "SGVsbG8=?="),
        ("=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="),
        ("=?base64?=", "=?base64?="),
    ] {
        assert_eq!(decode(header.as_bytes()).unwrap(), text, "{header}");
    }
}

#[test]
fn what_cannot_be_decoded_is_refused() {
    for (header, bad) in [
        (&b"=?base64?SGVsbG8?="[..], BadValue::Base64),
        (b"=?base64?SGVs!!!bG8=?=", BadValue::Base64),
        (b"=?base64?SGVsbG9=?=", BadValue::Base64),
        (b"=?base64?_w==?=", BadValue::Base64),
        (b"=?base64?/w==?=", BadValue::Utf8),
        (b"caf\xc3\xa9", BadValue::Characters),
        (b"a\x01b", BadValue::Characters),
        (b"a\x7f", BadValue::Characters),
        (b"\xff", BadValue::Characters),
    ] {
        assert_eq!(decode(header), Err(bad), "{}", String::from_utf8_lossy(header));
    }
}

#[test]
fn names_are_compared_decoded() {
    let name = |sent: &[&[u8]], body| check_name(sent.iter().copied(), body).map_err(|mismatch| mismatch.reason());
    assert_eq!(name(&[b"add"], Some("add")), Ok(()));
    assert_eq!(name(&["=?base64?5Yqg?=".as_bytes()], Some("加")), Ok(()));
    assert_eq!(name(&[b"file:///path/to/file%20name.txt"], Some("file:///path/to/file%20name.txt")), Ok(()));
    assert_eq!(name(&[], None), Ok(()));
    assert_eq!(name(&[b"Add"], Some("add")), Err(Reason::Different));
    assert_eq!(name(&[], Some("add")), Err(Reason::Missing));
    assert_eq!(name(&[b"add"], None), Err(Reason::Unexpected));
    assert_eq!(name(&[b"add", b"add"], Some("add")), Err(Reason::Doubled));
    assert_eq!(name(&["加".as_bytes()], Some("加")), Err(Reason::Bad(BadValue::Characters)));
}

#[test]
fn methods_and_versions_are_compared_byte_for_byte() {
    let method = |sent: &[&str]| check_exact("Mcp-Method", sent.iter().map(|value| value.as_bytes()), "tools/list");
    assert_eq!(method(&["tools/list"]), Ok(()));
    for wrong in [&[][..], &["TOOLS/LIST"], &["tools/list", "tools/list"], &["=?base64?dG9vbHMvbGlzdA==?="]] {
        assert!(method(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(method(&[]).unwrap_err().to_string(), "header mismatch: Mcp-Method is missing");
}

#[test]
fn arguments_and_headers_agree() {
    for (arguments, sent) in [
        (json!({}), &[][..]),
        (json!({ "region": null, "count": null }), &[]),
        (json!({ "region": "us-west1" }), &[("region", &b"us-west1"[..])]),
        (json!({ "region": "us-west1" }), &[("REGION", b"us-west1"), ("unknown", b"\xff"), ("unknown", b"")]),
        (json!({ "region": "" }), &[("region", b"")]),
        (json!({ "region": "" }), &[("region", b"=?base64??=")]),
        (json!({ "region": " us-west1 " }), &[("region", b"=?base64?IHVzLXdlc3QxIA==?=")]),
        (json!({ "count": 42 }), &[("count", b"42")]),
        (json!({ "count": 42 }), &[("count", b"42.0")]),
        (json!({ "count": 42 }), &[("count", b"=?base64?NDI=?=")]),
        (json!({ "count": -9_007_199_254_740_991_i64 }), &[("count", b"-9007199254740991")]),
        (json!({ "flag": true }), &[("flag", b"true")]),
        (json!({ "where": { "city": "Bern" } }), &[("city", b"Bern")]),
        (json!({ "where": "Bern" }), &[]),
        (json!({ "region": ["a"] }), &[]),
        (json!({ "query": "x" }), &[]),
    ] {
        assert_eq!(check(&arguments, sent), Ok(()), "{arguments}");
    }
    assert_eq!(
        tool().check(Some(r#"{"count":4.20e1,"region":"\u0061"}"#), &[("count", "42"), ("region", "a")]),
        Ok(())
    );
    assert_eq!(tool().check::<&str, &str>(None, &[]), Ok(()));
}

#[test]
fn arguments_and_headers_disagree() {
    let bad = |bad| Err(Reason::Bad(bad));
    for (arguments, sent, reason) in [
        (json!({ "region": "a" }), &[][..], Err(Reason::Missing)),
        (json!({ "region": "" }), &[], Err(Reason::Missing)),
        (json!({ "where": { "city": "Bern" } }), &[("where.city", &b"Bern"[..])], Err(Reason::Missing)),
        (json!({ "region": "a" }), &[("region", b"b")], Err(Reason::Different)),
        (json!({ "region": "a" }), &[("region", b"A")], Err(Reason::Different)),
        (json!({ "region": "a" }), &[("region", b"a"), ("Region", b"a")], Err(Reason::Doubled)),
        (json!({ "region": "a" }), &[("region", b"=?base64?YQ?=")], bad(BadValue::Base64)),
        (json!({ "region": "é" }), &[("region", "é".as_bytes())], bad(BadValue::Characters)),
        (json!({ "region": null }), &[("region", b"null")], Err(Reason::Unexpected)),
        (json!({}), &[("region", b"")], Err(Reason::Unexpected)),
        (json!({ "where": "Bern" }), &[("city", b"Bern")], Err(Reason::Unexpected)),
        (json!({ "region": ["a"] }), &[("region", b"a")], Err(Reason::Different)),
        (json!({ "count": 42 }), &[("count", b"42.5")], Err(Reason::Different)),
        (json!({ "count": 42 }), &[("count", b"042")], Err(Reason::Different)),
        (json!({ "count": 9_007_199_254_740_992_i64 }), &[("count", b"9007199254740993")], Err(Reason::Different)),
        (json!({ "flag": true }), &[("flag", b"True")], Err(Reason::Different)),
        (json!({ "flag": true }), &[("flag", b"1")], Err(Reason::Different)),
    ] {
        assert_eq!(check(&arguments, sent), reason, "{arguments} {sent:?}");
    }
}

#[test]
fn a_mismatch_names_its_header_and_no_value() {
    let mismatch = tool().check(Some(r#"{"region":"secret"}"#), &[("region", "other")]).unwrap_err();
    assert_eq!(mismatch.to_string(), "header mismatch: Mcp-Param-Region differs from the value in the body");
}

#[test]
fn annotations_that_break_a_rule_make_the_definition_invalid() {
    let name = |path: &str| Invalid::Name { path: path.to_owned() };
    let kind = |path: &str| Invalid::Type { path: path.to_owned() };
    let annotated = |header: Value| json!({ "a": { "type": "string", "x-mcp-header": header } });
    let typed = |types: Value| json!({ "a": { "type": types, "x-mcp-header": "A" } });
    let below = |keyword: &str, value: Value| json!({ "a": { keyword: value } });
    let inner = || json!({ "type": "string", "x-mcp-header": "A" });
    for (properties, invalid) in [
        (annotated(json!("")), name("a")),
        (annotated(json!("My Region")), name("a")),
        (annotated(json!("Region:Primary")), name("a")),
        (annotated(json!("Région")), name("a")),
        (annotated(json!("Region\t1")), name("a")),
        (annotated(json!("a\r\nb")), name("a")),
        (annotated(json!(1)), name("a")),
        (typed(json!("number")), kind("a")),
        (typed(json!("object")), kind("a")),
        (typed(json!(["string", "null"])), kind("a")),
        (json!({ "a": { "x-mcp-header": "A" } }), kind("a")),
        (json!({ "a": { "properties": { "b": { "type": "array", "x-mcp-header": "A" } } } }), kind("a.b")),
        (below("items", inner()), Invalid::Unreachable),
        (below("prefixItems", json!([inner()])), Invalid::Unreachable),
        (below("oneOf", json!([{ "properties": { "b": inner() } }])), Invalid::Unreachable),
        (below("not", inner()), Invalid::Unreachable),
        (below("then", inner()), Invalid::Unreachable),
        (below("additionalProperties", inner()), Invalid::Unreachable),
        (below("$defs", json!({ "b": inner() })), Invalid::Unreachable),
        (below("patternProperties", json!({ "b": { "properties": { "c": inner() } } })), Invalid::Unreachable),
        (
            json!({ "a": inner(), "b": { "type": "integer", "x-mcp-header": "a" } }),
            Invalid::Doubled { name: "a".to_owned() },
        ),
    ] {
        assert_eq!(schema(&properties), Err(invalid), "{properties}");
    }
    assert_eq!(MirroredHeaders::of_schema(r#"{"x-mcp-header":"A","type":"string"}"#), Err(Invalid::Unreachable));
    for text in ["[]", "true", "{", ""] {
        assert_eq!(MirroredHeaders::of_schema(text), Err(Invalid::NotASchema));
    }
}

#[test]
fn what_only_looks_like_an_annotation_is_none() {
    let looks = json!({
        "x-mcp-header": { "type": "string" },
        "properties": { "type": "object", "properties": { "x-mcp-header": { "type": "string" } } },
        "data": { "default": { "x-mcp-header": "A" }, "enum": [{ "x-mcp-header": "A" }], "const": { "x-mcp-header": 1 } },
        "anything": true,
    });
    assert!(schema(&looks).unwrap().is_empty());
    assert!(schema(&json!({ "a": { "type": "string", "x-mcp-header": "Method" } })).is_ok());
}

#[test]
fn a_schema_has_bounds() {
    let many = |count: usize| -> Value {
        (0..count).map(|n| (format!("p{n}"), json!({ "type": "string", "x-mcp-header": format!("H{n}") }))).collect()
    };
    assert!(schema(&many(MAX_MIRRORED)).is_ok());
    assert_eq!(schema(&many(MAX_MIRRORED + 1)), Err(Invalid::TooMany));
    let deep = |depth: usize| {
        (1..depth)
            .fold(json!({ "type": "string", "x-mcp-header": "H" }), |inner, _| json!({ "properties": { "p": inner } }))
    };
    assert!(schema(&json!({ "p": deep(MAX_MIRRORED_DEPTH) })).is_ok());
    assert_eq!(schema(&json!({ "p": deep(MAX_MIRRORED_DEPTH + 1) })), Err(Invalid::TooDeep));
    let bottomless = "{\"items\":".repeat(100_000);
    assert_eq!(MirroredHeaders::of_schema(&bottomless), Err(Invalid::NotASchema));
}

proptest! {
    #[test]
    fn what_a_client_encodes_is_what_is_read(text in any::<String>(), other in any::<String>()) {
        let sent = encode(&text);
        prop_assert_eq!(decode(&sent).unwrap(), text.as_str());
        let arguments = json!({ "region": text });
        prop_assert_eq!(check(&arguments, &[("region", &sent)]), Ok(()));
        prop_assert_eq!(check(&json!({ "region": other }), &[("region", &sent)]).is_ok(), other == text);
        prop_assert_eq!(check_name([sent.as_slice()], Some(&other)).is_ok(), other == text);
    }

    #[test]
    fn integers_are_exact(count in -(1_i64 << 53) + 1..1_i64 << 53, other in -(1_i64 << 53) + 1..1_i64 << 53) {
        let sent = count.to_string();
        let sent = [("Count", sent.as_bytes())];
        prop_assert_eq!(check(&json!({ "count": count }), &sent), Ok(()));
        prop_assert_eq!(check(&json!({ "count": other }), &sent).is_ok(), other == count);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in any::<Vec<u8>>(), text in any::<String>()) {
        let _decoded = decode(&bytes);
        let _schema = MirroredHeaders::of_schema(&text);
        let _checked = tool().check(Some(&text), &[("region", &bytes)]);
    }
}

proptest! {
    #[test]
    fn what_a_client_writes_is_what_a_server_reads(region: String, count: i64, flag: bool, city: Option<String>) {
        prop_assert_eq!(super::encode(&region).into_owned().into_bytes(), encode(&region));
        let arguments = json!({ "region": region, "count": count, "flag": flag, "where": { "city": city }, "query": "x" });
        let tool = tool();
        let written = tool.of_arguments(Some(&arguments.to_string()));
        prop_assert_eq!(written.len(), 3 + usize::from(city.is_some()));
        prop_assert!(tool.check(Some(&arguments.to_string()), &written).is_ok());
        prop_assert!(written.iter().all(|(_, value)| value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))));
    }
}
