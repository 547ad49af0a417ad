//! What a whole manifest comes to, and what its author is told.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use crate::{
    Format, Isolation, Kind, Limits, Manifest, ManifestErrors, Scope, ServerEra, Size, Surroundings, Tasks, Workspace,
    parse,
};

fn surroundings() -> Surroundings {
    Surroundings::new("/srv/project", |name| match name {
        "HOME" => Some("/home/ada".to_owned()),
        "TOKEN" => Some("s3cret-value".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    })
}

fn toml(text: &str) -> Result<Manifest, ManifestErrors> {
    parse(text, "sessile.toml", Format::Toml, &surroundings())
}

fn json(text: &str) -> Result<Manifest, ManifestErrors> {
    parse(text, ".mcp.json", Format::McpJson, &surroundings())
}

fn told(read: Result<Manifest, ManifestErrors>) -> String {
    read.expect_err("the manifest is wrong").to_string()
}

mod capacity;
mod example;
mod mcp_json;
mod mistakes;
mod secrets;
mod sessions;
mod settled;
mod shown;

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = toml(&text);
        let _ = json(&text);
    }

    #[test]
    fn no_text_of_the_right_alphabet_makes_it_panic(
        text in "([\\[\\]{}\",:=.\\n#/*'\\\\ ]|servers|node|limits|env|command|url|memory|mcpServers|\\$\\{|[a-z0-9é])*",
    ) {
        let _ = toml(&text);
        let _ = json(&text);
        let _ = json(&format!("{{\"mcpServers\":{text}}}"));
        let _ = toml(&format!("[servers.a]\n{text}"));
    }

    #[test]
    fn every_mistake_has_a_place_within_the_file(text in "(\\[servers\\.a\\]\n)?([a-z_]{1,8} = (1|\"x\"|\\[\\]|é)?\n){0,6}") {
        if let Err(errors) = toml(&text) {
            for problem in errors.problems() {
                let place = problem.place.expect("a place");
                prop_assert!(place.line >= 1 && place.line <= text.lines().count() + 1);
                prop_assert!(place.column >= 1);
            }
        }
    }
}

#[test]
fn no_depth_of_nesting_overflows_the_stack() {
    const DEPTH: usize = 100_000;
    for text in [
        format!("a = {}", "[".repeat(DEPTH)),
        format!("a = {}", "{a=".repeat(DEPTH)),
        format!("{} = 1", vec!["\"a\""; DEPTH].join(".")),
        format!("[{}]", vec!["a"; DEPTH].join(".")),
        format!("[servers.a]\n{}", format!("{}=1\n", vec!["a"; 70].join(".")).repeat(100)),
    ] {
        assert!(told(toml(&text)).len() < 20_000);
    }
    for text in ["[".repeat(DEPTH), "{\"a\":".repeat(DEPTH), format!("{{\"mcpServers\":{}", "[".repeat(500))] {
        assert!(told(json(&text)).len() < 20_000);
    }
}
