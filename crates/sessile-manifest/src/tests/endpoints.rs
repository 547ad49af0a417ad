//! Servers that speak HTTP inside their sandbox.

use super::*;

fn endpoint(text: &str) -> Option<String> {
    let manifest = toml(text).unwrap_or_else(|errors| panic!("{errors}"));
    manifest.servers.first().expect("a server").endpoint.as_ref().map(ToString::to_string)
}

#[test]
fn a_port_makes_it_http_and_the_path_has_a_default() {
    let server = "[servers.a]\ncommand = [\"a\"]\n";
    assert_eq!(endpoint(server), None);
    assert_eq!(endpoint(&format!("{server}port = 8000")).as_deref(), Some("http://127.0.0.1:8000/mcp"));
    let package = "[servers.a]\npackage = \"npm:x@1.0.0\"\nport = 3000\npath = \"/\"";
    assert_eq!(endpoint(package).as_deref(), Some("http://127.0.0.1:3000/"));
    let inherited = format!("[defaults]\nport = 8000\npath = \"/v1\"\n{server}");
    assert_eq!(endpoint(&inherited).as_deref(), Some("http://127.0.0.1:8000/v1"));
    let elsewhere = "[defaults]\nport = 8000\n[servers.a]\nurl = \"https://example.com/mcp\"";
    assert_eq!(endpoint(elsewhere), None, "what is inherited means nothing there");
}

#[test]
fn what_is_wrong_with_an_endpoint_is_told() {
    for (keys, word) in [
        ("port = 0", "1 to 65535"),
        ("port = 65536", "1 to 65535"),
        ("port = \"8000\"", "expected an integer"),
        ("port = 8000\npath = \"mcp\"", "slash in front"),
        ("path = \"/mcp\"", "goes with `port`"),
        ("port = 3128\negress.allow = [\"example.com:443\"]", "another port"),
        ("ports = 8000", "`port`"),
    ] {
        let error = told(toml(&format!("[servers.a]\ncommand = [\"a\"]\n{keys}\n")));
        assert!(error.contains(word), "{keys}: {error}");
    }
    let error = told(toml("[servers.a]\nurl = \"https://example.com/mcp\"\nport = 8000\n"));
    assert!(error.contains("has no effect on a server with `url`"), "{error}");
}

#[test]
fn a_port_of_the_host_is_for_one_session() {
    let text = "[servers.a]\ncommand = [\"a\"]\nport = 8000\nisolation = \"none\"\n";
    let limits = toml(text).expect("right").servers.remove(0).limits;
    assert_eq!((limits.sessions, limits.sessions_per_principal), (1, 1));
    let error = told(toml(&format!("{text}limits.sessions = 2\n")));
    assert!(error.contains("one port on the host") && error.contains("servers.a.limits.sessions"), "{error}");
}

#[test]
fn the_port_of_the_gate_is_free_where_there_is_no_gate() {
    assert!(endpoint("[servers.a]\ncommand = [\"a\"]\nport = 3128").is_some());
}
