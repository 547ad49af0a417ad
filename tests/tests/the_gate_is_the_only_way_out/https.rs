//! HTTPS goes through a tunnel that the gate looks into as far as the server's name, and certificates are checked inside.

use crate::programs::{Process, Program, curl, fetch, httpx, node_of, printed, requests, run, urllib};
use sessile_tests::{Client, Node};
use std::process::Command;
use tempfile::TempDir;

/// An HTTPS server.
const SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        print("asked", flush=True)
        self.send_response(200)
        self.send_header("content-length", "7")
        self.end_headers()
        self.wfile.write(b"outside")
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
# In the thread of the connection: one that says nothing holds up nobody.
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.handle_error = lambda *_: None  # clients that do not trust it are what a test is about
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// Where programs look for the certificates that they trust.
const VARIABLES: [&str; 4] = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"];

/// An authority of the test's own, and servers that it vouches for.
pub(crate) struct Authority {
    place: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = Self { place: tempfile::tempdir().unwrap() };
        let usage = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"];
        authority.certificate("ca", "/CN=an authority of the test", &usage, &[]);
        authority
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    fn certificate(&self, name: &str, subject: &str, extensions: &[&str], more: &[&str]) {
        let (key, certificate) = (self.path(&format!("{name}.key")), self.path(&format!("{name}.pem")));
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        command.args(["-days", "2", "-subj", subject, "-keyout", &key, "-out", &certificate]);
        command.args(extensions.iter().flat_map(|extension| ["-addext", extension])).args(more);
        let output = command.output().expect("openssl is there: tests/egress/install puts it there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A server of these names, which are written as in a certificate: `IP:127.0.0.2`, `DNS:a.test`.
    pub(crate) fn server(&self, names: &str) -> Process {
        let (ca, key) = (self.path("ca.pem"), self.path("ca.key"));
        let names = format!("subjectAltName={names}");
        let usage = ["basicConstraints=critical,CA:FALSE", "extendedKeyUsage=serverAuth", &names];
        self.certificate("server", "/CN=a server of the test", &usage, &["-CA", &ca, "-CAkey", &key]);
        Process::python(SERVER, &[&self.path("server.pem"), &self.path("server.key")])
    }

    /// A node with a server that may reach what `allow` lists, and whose programs trust this authority.
    fn node(&self, allow: &[&str]) -> Node {
        let ca = self.path("ca.pem");
        VARIABLES.iter().fold(node_of(allow), |start, name| start.env(name, &ca)).start()
    }
}

const PROGRAMS: [Program; 5] = [curl, urllib, requests, httpx, fetch];

#[tokio::test(flavor = "multi_thread")]
async fn programs_reach_a_listed_https_server_and_no_other() {
    let authority = Authority::new();
    let (listed, other) = (authority.server("IP:127.0.0.2"), authority.server("IP:127.0.0.2"));
    let node = authority.node(&[&format!("127.0.0.2:{}", listed.port)]);
    let mut client = Client::open(node.endpoint()).await;
    for program in PROGRAMS {
        let said = run(&mut client, &program(&format!("https://127.0.0.2:{}/", listed.port))).await;
        assert!(printed(&said).contains("200") && printed(&said).contains("outside"), "{said}");
        for url in [format!("https://127.0.0.2:{}/", other.port), "https://unlisted.example/".to_owned()] {
            let said = run(&mut client, &program(&url)).await;
            assert!(printed(&said).contains("403") && !printed(&said).contains("outside"), "{url}: {said}");
        }
    }
    assert_eq!((listed.lines().len(), other.lines().len()), (PROGRAMS.len(), 0));
    client.close().await;
    node.stop();
}

/// The gate is no man in the middle, and nobody else passes for one: certificates are checked by the programs.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_not_trusted_stays_so() {
    let (authority, another) = (Authority::new(), Authority::new());
    let server = another.server("IP:127.0.0.2");
    let node = authority.node(&[&format!("127.0.0.2:{}", server.port)]);
    let mut client = Client::open(node.endpoint()).await;
    for program in PROGRAMS {
        let said = run(&mut client, &program(&format!("https://127.0.0.2:{}/", server.port))).await;
        let text = printed(&said).to_lowercase();
        assert!(text.contains("certificate") && !text.contains("outside"), "{said}");
    }
    assert_eq!(server.lines().len(), 0);
    client.close().await;
    node.stop();
}
