//! Where to send requests, and what each of them carries.

use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use super::{Ask, CallTemplate, Dialect, IdStyle};

/// The options that every workload takes to name its target.
#[derive(Debug, Clone, clap::Args)]
pub struct EndpointArgs {
    /// The MCP endpoint, for example http://127.0.0.1:8300/mcp
    pub url: String,
    /// The tool to call
    #[arg(long, default_value = "echo")]
    pub tool: String,
    /// The arguments of the tool, a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub tool_args: String,
    /// How the client speaks
    #[arg(long, value_enum, default_value_t)]
    pub dialect: Dialect,
    /// What is asked again and again
    #[arg(long, value_enum, default_value_t)]
    pub ask: Ask,
    /// How request ids are written
    #[arg(long, value_enum, default_value_t)]
    pub ids: IdStyle,
    /// A header for every request, for example "Authorization: Bearer …"
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// The longest wait for one answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub timeout: Duration,
    /// Put load on an address that is not of this machine
    #[arg(long)]
    pub allow_remote: bool,
}

impl EndpointArgs {
    /// The usual options for `url`, calling `tool`.
    pub fn new(url: &str, tool: &str, tool_args: &str) -> Self {
        Self {
            url: url.to_owned(),
            tool: tool.to_owned(),
            tool_args: tool_args.to_owned(),
            dialect: Dialect::default(),
            ask: Ask::default(),
            ids: IdStyle::default(),
            headers: Vec::new(),
            timeout: Duration::from_secs(30),
            allow_remote: false,
        }
    }
}

/// One MCP endpoint, resolved, with the headers and the call that go to it.
#[derive(Debug)]
pub struct Endpoint {
    pub(super) addr: SocketAddr,
    pub(super) path: Uri,
    pub(super) headers: HeaderMap,
    pub(super) dialect: Dialect,
    pub(super) ask: Ask,
    pub(super) call: CallTemplate,
    pub(super) timeout: Duration,
}

impl Endpoint {
    /// Reads the options and looks the host up.
    ///
    /// # Errors
    /// When the URL is not plain `http`, the host does not resolve, the arguments are not JSON, the dialect does
    /// not know what is asked, or the address is another machine's and `allow_remote` is not set: load belongs on
    /// one's own servers.
    pub async fn resolve(args: &EndpointArgs) -> anyhow::Result<Arc<Self>> {
        let url: Uri = args.url.parse().with_context(|| format!("cannot read the URL {:?}", args.url))?;
        if url.scheme_str() != Some("http") {
            bail!("cannot use {:?}: the load generator speaks plain http only", args.url);
        }
        let authority = url.authority().context("the URL names no host")?;
        let host = authority.host().trim_matches(['[', ']']);
        let addr = tokio::net::lookup_host((host, authority.port_u16().unwrap_or(80)))
            .await
            .with_context(|| format!("cannot resolve {host:?}"))?
            .next()
            .with_context(|| format!("{host:?} has no address"))?;
        if !addr.ip().is_loopback() && !args.allow_remote {
            bail!("{addr} is not an address of this machine; --allow-remote puts load on it all the same");
        }
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(authority.as_str())?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, text/event-stream"));
        if args.dialect.is_modern() {
            headers.extend(args.ask.headers(&args.tool)?);
        } else if args.ask == Ask::Discover {
            bail!("server/discover is not known to legacy clients; ask with --dialect modern or stateless");
        }
        for header in &args.headers {
            let (name, value) = header.split_once(':').with_context(|| format!("header {header:?} has no colon"))?;
            headers.insert(HeaderName::from_str(name.trim())?, HeaderValue::from_str(value.trim())?);
        }
        let path = url.path_and_query().map_or("/", |path| path.as_str()).parse()?;
        let (dialect, ask) = (args.dialect, args.ask);
        let call = CallTemplate::asking(ask, dialect, &args.tool, &args.tool_args, args.ids)?;
        Ok(Arc::new(Self { addr, path, headers, dialect, ask, call, timeout: args.timeout }))
    }
}
