//! Any text is a manifest or a list of mistakes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessile_manifest::{Format, Surroundings, parse};

fuzz_target!(|text: &str| {
    let surroundings = Surroundings::new("/srv", |_| None);
    for (file, format) in [("sessile.toml", Format::Toml), (".mcp.json", Format::McpJson)] {
        if let Err(errors) = parse(text, file, format, &surroundings) {
            assert!(!errors.problems().is_empty());
            assert!(!errors.to_string().is_empty());
        }
    }
});
