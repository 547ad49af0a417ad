//! A company's proxy in front of the outside: everything that is listed goes through it, and it resolves the names.

use crate::https::Authority;
use crate::programs::{Process, Program, RUNNER, curl, fetch, httpx, outside, printed, requests, run, shown, urllib};
use serde_json::json;
use sessile_tests::node::Start;
use sessile_tests::wait::{PATIENCE, until};
use sessile_tests::{Client, Home, binaries};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// A proxy that wants credentials, and knows every name as 127.0.0.2. It prints what it is asked for.
const PROXY: &str = r#"
import select, socket, socketserver, sys
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line, headers = self.rfile.readline().decode().strip(), {}
        while (header := self.rfile.readline().decode().strip()):
            name, value = header.split(":", 1)
            headers[name.lower()] = value.strip()
        method, target, _ = line.split(" ")
        if method != "CONNECT" or headers.get("proxy-authorization") != sys.argv[1]:
            print("refused", line, flush=True)
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            return
        print(target, flush=True)
        with socket.create_connection(("127.0.0.2", int(target.rsplit(":", 1)[1]))) as outside:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            ends = {self.connection: outside, outside: self.connection}
            while True:
                for end in select.select(list(ends), [], [])[0]:
                    if not (piece := end.recv(65536)):
                        return
                    ends[end].sendall(piece)
socketserver.ThreadingTCPServer.daemon_threads = True
with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"#;

/// `ada:lovelace`.
const AUTHORIZATION: &str = "Basic YWRhOmxvdmVsYWNl";

/// Those that the proxy is not kept from by an address of theirs.
const PROGRAMS: [Program; 5] = [curl, urllib, requests, httpx, fetch];

/// A home with a manifest that goes through `proxy`, with these credentials.
fn behind(proxy: u16, credentials: &str, allow: &[&str]) -> (Home, String) {
    let home = Home::new();
    let script = home.file("bin/runner.py", RUNNER);
    let file = home.file("credentials", credentials);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let manifest = format!(
        "[node]\negress_proxy = \"http://127.0.0.1:{proxy}\"\negress_proxy_credentials = \"credentials\"\n\
         [servers.it]\ncommand = [\"/usr/bin/python3\", \"{script}\"]\nfiles.read_only = {}\negress.allow = {}\n",
        json!(shown()),
        json!(allow),
    );
    (home, manifest)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_listed_goes_through_the_proxy_by_name() {
    let authority = Authority::new();
    let (plain, tls) = (outside().await.port(), authority.server("DNS:api.corp.example"));
    let proxy = Process::python(PROXY, &[AUTHORIZATION]);
    let (plain, named) = (format!("plain.corp.example:{plain}"), format!("api.corp.example:{}", tls.port));
    let (home, manifest) = behind(proxy.port, "ada:lovelace\n", &[&plain, &named]);
    let mut start = Start::serve(home, "sessile.toml", &manifest);
    for name in ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
        start = start.env(name, &authority.path("ca.pem"));
    }
    let node = start.start();
    let said = format!("http://127.0.0.1:{}, which resolves the names", proxy.port);
    until("it is said", PATIENCE, async || node.log().contains(&said).then_some(())).await;
    let mut client = Client::open(node.endpoint()).await;
    for program in PROGRAMS {
        for url in [format!("http://{plain}/"), format!("https://{named}/")] {
            let said = run(&mut client, &program(&url)).await;
            assert!(printed(&said).contains("200") && printed(&said).contains("outside"), "{url}: {said}");
        }
    }
    let asked = proxy.lines();
    assert_eq!(asked.len(), 2 * PROGRAMS.len(), "{asked:?}");
    assert!(asked.contains(&plain) && asked.contains(&named), "{asked:?}");
    // What is not listed never gets so far, and addresses are still checked as such.
    for (url, rule) in [("http://other.corp.example/", "not_listed"), ("http://10.0.0.1/", "address_refused")] {
        let said = run(&mut client, &curl(url)).await;
        assert!(printed(&said).contains("403") && printed(&said).contains(rule), "{said}");
    }
    assert_eq!(proxy.lines().len(), asked.len());
    assert!(!node.log().contains("YWRhOmxvdmVsYWNl") && !node.log().contains("lovelace"), "{}", node.log());
    client.close().await;
    node.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_refuses_is_named_as_the_reason() {
    let proxy = Process::python(PROXY, &[AUTHORIZATION]);
    let (home, manifest) = behind(proxy.port, "ada:wrong", &["a.corp.example:443"]);
    let node = Start::serve(home, "sessile.toml", &manifest).start();
    let mut client = Client::open(node.endpoint()).await;
    let said = run(&mut client, &curl("http://a.corp.example:443/")).await;
    assert!(printed(&said).contains("502") && printed(&said).contains("status 407"), "{said}");
    client.close().await;
    node.stop();
}

#[test]
fn a_proxy_that_cannot_be_used_is_bad_usage() {
    let check = |home: &Home, manifest: &str| {
        let file = home.file("sessile.toml", manifest);
        let state = home.state().display().to_string();
        let arguments = ["check", "-c", &file, "--state-dir", &state];
        let output = Command::new(binaries::sessile()).args(arguments).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), text)
    };
    let (home, manifest) = behind(3128, "ada:lovelace", &["a.example:443"]);
    let (code, said) = check(&home, &manifest);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("egress: through the proxy http://127.0.0.1:3128") && !said.contains("lovelace"), "{said}");

    let with_secret = manifest.replace("http://127", "http://ada:lovelace@127");
    let (code, said) = check(&home, &with_secret);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("sessile.toml:2:16: node.egress_proxy: not a proxy") && !said.contains("lovelace"), "{said}");

    fs::set_permissions(home.path().join("credentials"), fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = check(&home, &manifest);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("node.egress_proxy_credentials") && said.contains("chmod 600"), "{said}");
}
